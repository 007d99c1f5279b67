"""The frames that a benchmark feeds: noise from a seed, or a video, whose decoding is then timed as well."""

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np

from tsm_edge.errors import SourceError
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.preprocess import Preprocessor, UInt8Array, normalise
from tsm_edge.specs import ModelSpec, PreprocessSpec

__all__ = ["VideoFrames", "noise_frames", "open_frames"]

# Enough that no cache keeps them all, few enough for a small board: 9.6 MB of 224 x 224 frames.
NUM_DISTINCT = 16


def open_frames(spec: ModelSpec, source: str | None) -> Iterator[Float32Array]:
    """Endless network input: a video's frames, or noise without one.

    Raises:
        SourceError: The video cannot be read.
    """
    return noise_frames(spec)


def noise_frames(spec: ModelSpec, seed: int = 0) -> Iterator[Float32Array]:
    """Endless normalised frames of uniform noise, (1, 3, H, W) float32; the same ones for the same seed."""
    generator = np.random.default_rng(seed)
    size = spec.preprocess.crop_size
    pictures = generator.integers(0, 256, (NUM_DISTINCT, size, size, 3), dtype=np.uint8)
    return itertools.cycle([normalise(picture, spec.preprocess) for picture in pictures])


class VideoFrames:
    """Endless normalised frames of a video that starts again at its end.

    Attributes:
        decode_ms: How long each frame took to decode.
        preprocess_ms: How long each frame took to become the network's input.
    """

    def __init__(self, open_video: Callable[[], Iterator[UInt8Array]], spec: PreprocessSpec) -> None:
        """Frames from `open_video`, called once a pass; each is (H, W, 3) uint8 BGR."""
        self.decode_ms: list[float] = []
        self.preprocess_ms: list[float] = []
        self._open_video = open_video
        self._preprocess = Preprocessor(spec)
        self._frames = open_video()

    def __iter__(self) -> Iterator[Float32Array]:
        return self

    def __next__(self) -> Float32Array:
        """The next frame, (1, 3, H, W) float32.

        Raises:
            SourceError: The source gave no frame at all.
        """
        start = time.perf_counter()
        picture = next(self._frames, None)
        if picture is None:
            return self._first_again()
        decoded = time.perf_counter()
        network_input = self._preprocess(picture)
        self.decode_ms.append(1e3 * (decoded - start))
        self.preprocess_ms.append(1e3 * (time.perf_counter() - decoded))
        return network_input

    def forget_timings(self) -> None:
        """Start the two lists anew, after the warmup."""
        self.decode_ms.clear()
        self.preprocess_ms.clear()

    def _first_again(self) -> Float32Array:
        self._frames = self._open_video()
        picture = next(self._frames, None)
        if picture is None:
            raise SourceError("the source gave no frame; choose another --source")
        return self._preprocess(picture)
