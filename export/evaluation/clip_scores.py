"""Clips through networks: logits of every clip, by a protocol's views."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tsm_edge.export.data.clips import Clip, read_frames
from tsm_edge.export.data.frame_cache import FrameCache
from tsm_edge.export.data.optical_flow import num_places
from tsm_edge.export.evaluation.protocols import ClipProtocol
from tsm_edge.export.evaluation.scorers import Scorer
from tsm_edge.opencv import load_opencv
from tsm_edge.specs import PreprocessSpec

__all__ = ["clip_scores"]

Float32Array = npt.NDArray[np.float32]


class _Views(Dataset[tuple[Tensor, int]]):
    """For each clip its views (V, T, S, S, C) uint8, RGB or stacks of flow, and its class."""

    def __init__(
        self, clips: Sequence[Clip], protocol: ClipProtocol, preprocess: PreprocessSpec, num_segments: int
    ) -> None:
        self._clips = clips
        self._protocol = protocol
        self._preprocess = preprocess
        self._num_segments = num_segments

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        clip = self._clips[place]
        flow = self._preprocess.flow
        rows = self._protocol.indices(num_places(clip.num_frames, flow), self._num_segments)
        # Read once what several rows share.
        distinct = sorted({index for row in rows for index in row})
        if flow is None:
            frames = read_frames(clip.path, clip.frames(distinct))
        else:
            frames = FrameCache(None, self._preprocess.resize_short_side, flow).read(clip, distinct)
        views = [
            self._protocol.crops(frames[np.searchsorted(distinct, row)], self._preprocess) for row in rows
        ]
        return torch.from_numpy(np.concatenate(views)), clip.label


def clip_scores(
    scorers: Sequence[Scorer],
    clips: Sequence[Clip],
    protocol: ClipProtocol,
    num_segments: Sequence[int],
    workers: int,
    on_clip: Callable[[int], None],
) -> Float32Array:
    """Logits (networks, clips, classes); networks that look alike at clips share the reading of them."""
    groups: dict[tuple[PreprocessSpec, int], list[int]] = {}
    for place, scorer in enumerate(scorers):
        groups.setdefault((scorer.spec.preprocess, num_segments[place]), []).append(place)
    scores = np.zeros((len(scorers), len(clips), scorers[0].spec.num_classes), np.float32)
    for number, ((preprocess, frames), places) in enumerate(groups.items(), start=1):
        views = _Views(clips, protocol, preprocess, frames)
        loader: DataLoader[tuple[Tensor, int]] = DataLoader(
            views, batch_size=None, num_workers=workers, worker_init_fn=_quiet_worker
        )
        for clip, (seen, _) in enumerate(loader):
            for place in places:
                scores[place, clip] = scorers[place].scores(seen)
            if number == len(groups):
                on_clip(1)
    return scores


def _quiet_worker(_: int) -> None:
    load_opencv().setNumThreads(0)
