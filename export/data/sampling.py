"""Which frames of a clip a network sees: segments as TSN and TSM sample them.

    uniform    the clip in num_segments equal parts, one frame of each: at random in training, the middle one in tests
    dense      every (64 // num_segments)-th frame of 64 that begin anywhere; tests take ten beginnings
    twice      uniform tests see the middle of each part and, as a second clip, its beginning

Clips shorter than num_segments are stretched: frames repeat in order.

Source: Wang et al., Temporal Segment Networks, arXiv:1608.00859, and the sampling that TSM, arXiv:1811.08383,
was published with.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["DENSE_SPAN", "Sampling", "test_indices", "train_indices"]

Sampling = Literal["uniform", "dense"]
Indices = npt.NDArray[np.int64]

# Frames that dense sampling spans.
DENSE_SPAN = 64


def train_indices(
    num_frames: int, num_segments: int, rng: np.random.Generator, sampling: Sampling = "uniform"
) -> Indices:
    """Frame numbers (num_segments,) for training, ascending for uniform sampling, drawn from `rng`."""
    if sampling == "dense":
        latest = max(1, 1 + num_frames - DENSE_SPAN)
        return _dense(num_frames, num_segments, int(rng.integers(latest)))
    length = num_frames // num_segments
    if length > 0:
        return np.arange(num_segments) * length + rng.integers(length, size=num_segments)
    return _middles(num_frames, num_segments)


def test_indices(
    num_frames: int, num_segments: int, num_clips: int = 1, sampling: Sampling = "uniform"
) -> Indices:
    """Frame numbers (num_clips, num_segments) for testing, the same every time.

    Args:
        num_frames: Frames that the clip has.
        num_segments: Frames that the network sees at once.
        num_clips: Uniform: 1 takes the middles, 2 the middles and the beginnings ("twice sample"). Dense: that
            many beginnings, evenly spread.
        sampling: See above.

    Raises:
        ValueError: More than 2 clips of uniform sampling.
    """
    if sampling == "dense":
        latest = max(1, 1 + num_frames - DENSE_SPAN)
        starts = np.linspace(0, latest - 1, num=num_clips, dtype=int)
        return np.stack([_dense(num_frames, num_segments, int(start)) for start in starts])
    if num_clips not in (1, 2):
        raise ValueError(f"uniform sampling gives 1 or 2 clips, not {num_clips}")
    beginnings = (np.arange(num_segments) * num_frames / num_segments).astype(np.int64)
    return np.stack([_middles(num_frames, num_segments), beginnings][:num_clips])


# pytest would take it for a test where it is imported.
test_indices.__test__ = False  # type: ignore[attr-defined]


def _middles(num_frames: int, num_segments: int) -> Indices:
    length = num_frames / num_segments
    return (length / 2 + length * np.arange(num_segments)).astype(np.int64)


def _dense(num_frames: int, num_segments: int, start: int) -> Indices:
    """Past the end it goes on at the beginning, as published."""
    stride = max(1, DENSE_SPAN // num_segments)
    return (start + stride * np.arange(num_segments)) % num_frames
