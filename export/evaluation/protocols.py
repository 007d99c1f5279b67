"""How the published results look at a clip: which frames, and which parts of them.

| protocol | clips | crops | published for |
|---|---|---|---|
| 1clip-center | 1, uniform | the middle, as the runtime sees it | the efficient setting of every data set, Jester |
| 2clip-full | 2, uniform ("twice sample") | 3 of full resolution | Something-Something |
| 10clip-3crop | 10, dense | 3 of full resolution | Kinetics |

A crop of full resolution is as high and wide as the resized short side (256 for a network of 224); three of them lie at
both ends and in the middle of the long side.

Source: Lin, Gan and Han, TSM, arXiv:1811.08383, and the test settings that it was published with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsm_edge.errors import UsageError
from tsm_edge.export.data.augmentation import centre_crop, resized
from tsm_edge.export.data.clips import UInt8Array
from tsm_edge.export.data.sampling import Sampling, test_indices
from tsm_edge.specs import PreprocessSpec

__all__ = ["PROTOCOLS", "ClipProtocol", "clip_protocol"]


@dataclass(frozen=True, kw_only=True)
class ClipProtocol:
    """Views of a clip whose scores are averaged.

    Attributes:
        name: What the command line calls it.
        num_clips: How many times frames are taken from a clip.
        sampling: How they are taken.
        num_crops: 1 for the middle, 3 for both ends as well.
        is_full_resolution: Crops are as large as the resized short side, not as what the network was trained on.
    """

    name: str
    num_clips: int = 1
    sampling: Sampling = "uniform"
    num_crops: int = 1
    is_full_resolution: bool = False

    @property
    def num_views(self) -> int:
        """How many times the network sees a clip, at most."""
        return self.num_clips * self.num_crops

    def indices(self, num_frames: int, num_segments: int) -> Sequence[Sequence[int]]:
        """Frame numbers, one row a clip."""
        rows: list[list[int]] = test_indices(num_frames, num_segments, self.num_clips, self.sampling).tolist()
        return rows

    def crops(self, frames: UInt8Array, preprocess: PreprocessSpec) -> UInt8Array:
        """The crops (num_crops, T, S, S, C) of frames (T, H, W, C) uint8, fewer where several are the same."""
        if not self.is_full_resolution:
            return centre_crop(frames, preprocess)[None]
        return full_resolution_crops(frames, preprocess, self.num_crops)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        ClipProtocol(name="1clip-center"),
        ClipProtocol(name="2clip-full", num_clips=2, num_crops=3, is_full_resolution=True),
        ClipProtocol(
            name="10clip-3crop", num_clips=10, sampling="dense", num_crops=3, is_full_resolution=True
        ),
    )
}


def clip_protocol(name: str) -> ClipProtocol:
    """The protocol of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}; choose one of {', '.join(PROTOCOLS)}, stream")
    return PROTOCOLS[name]


def full_resolution_crops(frames: UInt8Array, preprocess: PreprocessSpec, num_crops: int) -> UInt8Array:
    """Squares (num_crops, T, R, R, C) along the long side of frames whose short side becomes R.

    Where squares fall together, as they do in frames that are squeezed into one, there is one of each.
    """
    size = preprocess.resize_short_side
    fitted = resized(frames, *preprocess.resized_size(*frames.shape[1:3]))
    down, across = fitted.shape[1] - size, fitted.shape[2] - size
    parts = (0.5,) if num_crops == 1 else (0.0, 0.5, 1.0)
    corners = dict.fromkeys((int(down * part), int(across * part)) for part in parts)
    return np.stack([fitted[:, top : top + size, left : left + size] for top, left in corners])
