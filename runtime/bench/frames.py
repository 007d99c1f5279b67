"""The frames that a benchmark feeds: noise from a seed, or a video, whose decoding is then timed as well."""

import itertools
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np

from tsm_edge.errors import SourceError
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.capture import CapturedFrame, open_source
from tsm_edge.runtime.preprocess import Preprocessor, normalise
from tsm_edge.specs import ModelSpec, PreprocessSpec

__all__ = ["VideoFrames", "frames_of", "noise_frames"]

# Enough that no cache keeps them all, few enough for a small board: 9.6 MB of 224 x 224 frames.
NUM_DISTINCT = 16


@contextmanager
def frames_of(spec: ModelSpec, source: str | None) -> Iterator[Iterator[Float32Array]]:
    """Endless network input until the block ends: a video's frames, or noise without one.

    Raises:
        SourceError: The video cannot be read.
        UsageError: An address of an unknown kind.
    """
    if source is None:
        yield noise_frames(spec)
    else:
        with closing(VideoFrames(source, spec.preprocess)) as frames:
            yield frames


def noise_frames(spec: ModelSpec, seed: int = 0) -> Iterator[Float32Array]:
    """Endless normalised frames of uniform noise, (1, 3, H, W) float32; the same ones for the same seed."""
    generator = np.random.default_rng(seed)
    size = spec.preprocess.crop_size
    pictures = generator.integers(0, 256, (NUM_DISTINCT, size, size, 3), dtype=np.uint8)
    return itertools.cycle([normalise(picture, spec.preprocess) for picture in pictures])


class VideoFrames:
    """Endless normalised frames of a source that starts again at its end.

    Attributes:
        decode_ms: How long each frame took to decode.
        preprocess_ms: How long each frame took to become the network's input.
    """

    def __init__(self, address: str, spec: PreprocessSpec) -> None:
        """Open `address`, in the words of `tsm-edge run --source`.

        Raises:
            SourceError: It cannot be read.
            UsageError: An address of an unknown kind.
        """
        self.decode_ms: list[float] = []
        self.preprocess_ms: list[float] = []
        self._address = address
        self._source = open_source(address)
        self._preprocess = Preprocessor(spec)

    def __iter__(self) -> Iterator[Float32Array]:
        return self

    def __next__(self) -> Float32Array:
        """The next frame, (1, 3, H, W) float32.

        Raises:
            SourceError: The source broke.
        """
        captured = self._source.read() or self._first_again()
        start = time.perf_counter()
        network_input = self._preprocess(captured.image)
        self.preprocess_ms.append(1e3 * (time.perf_counter() - start))
        self.decode_ms.append(captured.decode_ms)
        return network_input

    def forget_timings(self) -> None:
        """Start the two lists anew, after the warmup."""
        self.decode_ms.clear()
        self.preprocess_ms.clear()

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()

    def _first_again(self) -> CapturedFrame:
        self._source.close()
        self._source = open_source(self._address)
        captured = self._source.read()
        if captured is None:
            raise SourceError(f"{self._source.name} gives no frames any more; choose another --source")
        return captured
