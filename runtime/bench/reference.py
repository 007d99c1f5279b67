"""What outputs are compared with before anything is timed."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice

from tsm_edge.bundle import Bundle
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.backends.table import open_backend
from tsm_edge.runtime.bench.agreement import replay
from tsm_edge.runtime.preprocess import normalise

__all__ = ["Reference", "reference_run"]

NUM_FRAMES = 16


@dataclass(frozen=True)
class Reference:
    """A stream of frames and what the network says to them.

    Attributes:
        name: Where the logits come from.
        frames: T frames, (1, 3, H, W) float32.
        logits: (T, num_classes) float32.
    """

    name: str
    frames: tuple[Float32Array, ...]
    logits: Float32Array


def reference_run(bundle: Bundle, frames: Iterator[Float32Array], threads: int) -> Reference:
    """ONNX Runtime's logits of the next 16 `frames`; where it is not installed, the golden stream.

    Raises:
        BundleError: The bundle's ONNX file or its golden stream is broken.
    """
    if find_spec("onnxruntime") is None:
        spec = bundle.manifest.model.preprocess
        golden = tuple(normalise(frame, spec) for frame in bundle.golden_frames)
        return Reference(
            "golden stream (ONNX Runtime on the compiling machine)", golden, bundle.golden_logits
        )
    chosen = tuple(islice(frames, NUM_FRAMES))
    with (
        closing(open_backend("onnxruntime", bundle, threads)) as backend,
        closing(backend.open_stream()) as stream,
    ):
        return Reference("onnxruntime", chosen, replay(stream, chosen))
