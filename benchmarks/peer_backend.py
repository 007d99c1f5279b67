"""A backend of the runtime around any engine that runs the bundle's ONNX file as a function of arrays."""

from collections.abc import Callable, Sequence

import numpy as np

from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import ModelSpec

__all__ = ["Infer", "PeerBackend", "PeerStream"]

# Frame (1, 3, H, W) and shift buffers in; logits and next shift buffers out, none of them overwritten later.
Infer = Callable[[Sequence[Float32Array]], Sequence[Float32Array]]


class PeerStream:
    """One stream: the shift buffers are arrays that go in and come out with every frame."""

    def __init__(self, infer: Infer, spec: ModelSpec) -> None:
        self._infer = infer
        self._spec = spec
        self._buffers: tuple[Float32Array, ...] = ()
        self.reset()

    def step(self, frame: Float32Array) -> Float32Array:
        """Logits (num_classes,) of one frame (1, 3, H, W); advances the state."""
        logits, *buffers = self._infer((frame, *self._buffers))
        self._buffers = tuple(buffers)
        return logits.reshape(-1)

    def reset(self) -> None:
        """Zero shift buffers."""
        self._buffers = tuple(np.zeros(shape, np.float32) for shape in self._spec.state.shapes)

    def state(self) -> tuple[Float32Array, ...]:
        """A copy of the shift buffers."""
        return tuple(buffer.copy() for buffer in self._buffers)

    def load_state(self, buffers: tuple[Float32Array, ...]) -> None:
        """Replace the shift buffers."""
        self._buffers = tuple(np.array(buffer, dtype=np.float32, order="C") for buffer in buffers)

    def close(self) -> None:
        """Free the shift buffers."""
        self._buffers = ()


class PeerBackend:
    """The network in another engine; its streams share the weights and step one at a time."""

    def __init__(self, name: str, infer: Infer, spec: ModelSpec, threads: int) -> None:
        self.name = name
        self.spec = spec
        self.threads = threads
        self._infer = infer

    def open_stream(self) -> PeerStream:
        """A new stream with zero shift buffers."""
        return PeerStream(self._infer, self.spec)

    def close(self) -> None:
        """Nothing outlives the object."""
