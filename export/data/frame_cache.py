"""Decoded videos, or their optical flow, on disk as uint8 arrays.

A video is decoded from its start for any frame of it, an array is not; and flow costs more than decoding. Frames of
folders of pictures need no copies: they are read one by one. A cache that would grow beyond its limit is not begun.
"""

from collections.abc import Sequence
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path

import numpy as np

from tsm_edge.errors import OutputError
from tsm_edge.export.data.clips import Clip, UInt8Array, picture_paths, read_frames
from tsm_edge.export.data.optical_flow import read_flow, stacked_fields
from tsm_edge.files import file_written_aside
from tsm_edge.specs import FlowSpec

__all__ = ["FrameCache", "decoded_bytes"]


class FrameCache:
    """Reads what networks see of clips, videos and flow through copies.

    Args:
        directory: Where copies are kept; None keeps none.
        short_side: Frames are kept no larger than this, see `read_frames`.
        flow: Stacks of optical flow are read instead of frames.
    """

    def __init__(self, directory: Path | None, short_side: int, flow: FlowSpec | None = None) -> None:
        self._directory = directory
        self._short_side = short_side
        self._flow = flow

    def read(self, clip: Clip, indices: Sequence[int]) -> UInt8Array:
        """Frames `indices` of a clip, (T, H, W, 3) uint8 RGB, or the stacks (T, H, W, 2 num_fields) there.

        Raises:
            DataError: Nothing can be decoded.
            MissingDependencyError: Flow by a method that is not installed.
        """
        if self._flow is not None:
            return self._stacks(clip, indices, self._flow)
        if self._directory is None or clip.path.is_dir():
            return read_frames(clip.path, clip.frames(indices), short_side=self._short_side)
        frames = self._copy(clip, self._directory)
        return frames[np.minimum(indices, len(frames) - 1)]

    def _stacks(self, clip: Clip, starts: Sequence[int], flow: FlowSpec) -> UInt8Array:
        fields = stacked_fields(starts, flow.num_fields, last=clip.num_frames - 2)
        if self._directory is None:
            distinct, places = np.unique(fields, return_inverse=True)
            values = self._fields(clip, distinct.tolist(), flow)
            found = values[places.reshape(fields.shape)]
        else:
            found = self._copy(clip, self._directory)[fields]
        # (T, fields, H, W, 2) -> (T, H, W, 2 fields): x, y, x, y and on
        stacks = found.transpose(0, 2, 3, 1, 4)
        return np.ascontiguousarray(stacks).reshape(*stacks.shape[:3], 2 * flow.num_fields)

    def _copy(self, clip: Clip, directory: Path) -> UInt8Array:
        path = directory / f"{self._key(clip)}.npy"
        try:
            kept: UInt8Array = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            made = self._make(clip)
            _keep(made, path)
            return made
        return kept

    def _make(self, clip: Clip) -> UInt8Array:
        if self._flow is None:
            return read_frames(clip.path, clip.frames(), short_side=self._short_side)
        return self._fields(clip, range(clip.num_frames - 1), self._flow)

    def _fields(self, clip: Clip, fields: Sequence[int], flow: FlowSpec) -> UInt8Array:
        begin = clip.first_frame or 0
        numbers = [begin + field for field in fields]
        return read_flow(clip.path, numbers, flow, short_side=self._short_side)

    def _key(self, clip: Clip) -> str:
        """Another file under the same name gets a copy of its own, and so does another way to compute flow."""
        files = picture_paths(clip.path) if clip.path.is_dir() else (clip.path,)
        text = "\0".join(
            [str(clip.path.resolve()), *map(_version, files), str(self._short_side)]
            + ([] if self._flow is None else [f"{astuple(self._flow)}"])
            + ([] if clip.first_frame is None else [f"{clip.first_frame} {clip.num_frames}"])
        )
        return sha256(text.encode()).hexdigest()[:32]


def decoded_bytes(clips: Sequence[Clip], short_side: int, flow: FlowSpec | None = None) -> int:
    """How large a cache of these clips' videos, or their flow, would become, from one frame of the first of them."""
    kept = [clip for clip in clips if flow is not None or not clip.path.is_dir()]
    if not kept:
        return 0
    pixels = read_frames(kept[0].path, [0], short_side=short_side)[..., 0].size
    if flow is not None:
        return 2 * pixels * sum(clip.num_frames - 1 for clip in kept)
    return 3 * pixels * sum(clip.num_frames for clip in kept)


def _version(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_mtime_ns}\0{stat.st_size}"


def _keep(frames: UInt8Array, path: Path) -> None:
    try:
        with file_written_aside(path) as aside, aside.open("wb") as file:
            np.save(file, frames)
    except OutputError:
        pass  # a full disk costs time, not the run
