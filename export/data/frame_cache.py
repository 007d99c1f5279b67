"""Decoded videos on disk as uint8 arrays: a video is decoded from its start for any frame of it, an array is not.

Folders of pictures need none: their frames are read one by one. A cache that would grow beyond its limit is not begun.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from tsm_edge.errors import OutputError
from tsm_edge.export.data.clips import Clip, UInt8Array, read_frames
from tsm_edge.files import file_written_aside

__all__ = ["FrameCache", "decoded_bytes"]


class FrameCache:
    """Reads frames of clips, videos through decoded copies.

    Args:
        directory: Where copies are kept; None keeps none.
        short_side: Frames are kept no larger than this, see `read_frames`.
    """

    def __init__(self, directory: Path | None, short_side: int) -> None:
        self._directory = directory
        self._short_side = short_side

    def read(self, clip: Clip, indices: Sequence[int]) -> UInt8Array:
        """Frames `indices` of a clip, (T, H, W, 3) uint8 RGB.

        Raises:
            DataError: Nothing can be decoded.
        """
        if self._directory is None or clip.path.is_dir():
            return read_frames(clip.path, indices, short_side=self._short_side)
        frames = self._copy(clip, self._directory)
        return frames[np.minimum(indices, len(frames) - 1)]

    def _copy(self, clip: Clip, directory: Path) -> UInt8Array:
        path = directory / f"{self._key(clip)}.npy"
        try:
            kept: UInt8Array = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            frames = read_frames(clip.path, short_side=self._short_side)
            _keep(frames, path)
            return frames
        return kept

    def _key(self, clip: Clip) -> str:
        """Another file under the same name gets a copy of its own."""
        stat = clip.path.stat()
        text = f"{clip.path.resolve()}\0{stat.st_mtime_ns}\0{stat.st_size}\0{self._short_side}"
        return sha256(text.encode()).hexdigest()[:32]


def decoded_bytes(clips: Sequence[Clip], short_side: int) -> int:
    """How large a cache of these clips' videos would become, from one frame of the first of them."""
    videos = [clip for clip in clips if not clip.path.is_dir()]
    if not videos:
        return 0
    frame = read_frames(videos[0].path, [0], short_side=short_side)
    return int(frame.nbytes) * sum(clip.num_frames for clip in videos)


def _keep(frames: UInt8Array, path: Path) -> None:
    try:
        with file_written_aside(path) as aside, aside.open("wb") as file:
            np.save(file, frames)
    except OutputError:
        pass  # a full disk costs time, not the run
