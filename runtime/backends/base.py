"""What every engine offers: a backend holds the weights, a backend stream one stream's shift buffers."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from tsm_edge.specs import ModelSpec

__all__ = ["Backend", "BackendStream", "Float32Array", "device_of"]

Float32Array = npt.NDArray[np.float32]


class BackendStream(Protocol):
    """One camera's state on a backend."""

    def step(self, frame: Float32Array) -> Float32Array:
        """Advance by one frame, (1, 3, H, W) C-contiguous float32, normalised; return logits (num_classes,)."""
        ...

    def reset(self) -> None:
        """Forget all frames: zero shift buffers, as before the first frame."""
        ...

    def state(self) -> tuple[Float32Array, ...]:
        """A copy of the shift buffers in the shapes of `ModelSpec.state`, whatever layout the engine uses."""
        ...

    def load_state(self, buffers: tuple[Float32Array, ...]) -> None:
        """Replace the shift buffers; shapes are already checked."""
        ...

    def close(self) -> None:
        """Free the state; the stream is not used again."""
        ...


class Backend(Protocol):
    """A network in memory, ready to open streams. Steps of its streams may be called from several threads."""

    name: str
    spec: ModelSpec
    threads: int

    def open_stream(self) -> BackendStream:
        """A new stream with zero shift buffers."""
        ...

    def close(self) -> None:
        """Free the weights; streams are closed before."""
        ...


def device_of(engine: Backend | BackendStream) -> str:
    """What an engine computes on: "cpu", or "gpu" and the GPU's name; those that say nothing use the CPU."""
    return str(getattr(engine, "device", "cpu"))
