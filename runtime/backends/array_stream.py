"""One stream of an engine that is a function of arrays: shift buffers go in and come out with every frame."""

from collections.abc import Callable, Sequence

import numpy as np

from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import StateSpec

__all__ = ["ArrayStream", "Infer"]

# Frame (1, 3, H, W) and shift buffers in; logits and next shift buffers out, none of them overwritten later.
Infer = Callable[[Sequence[Float32Array]], Sequence[Float32Array]]


class ArrayStream:
    """The shift buffers are numpy arrays between two calls of `infer`."""

    def __init__(self, infer: Infer, state: StateSpec) -> None:
        self._infer = infer
        self._state = state
        self._buffers: tuple[Float32Array, ...] = ()
        self.reset()

    def step(self, frame: Float32Array) -> Float32Array:
        """Logits (num_classes,) of one frame (1, 3, H, W); advances the state only if the network ran."""
        logits, *buffers = self._infer((frame, *self._buffers))
        self._buffers = tuple(buffers)
        return logits.reshape(-1)

    def reset(self) -> None:
        """Zero shift buffers, as before the first frame."""
        self._buffers = tuple(np.zeros(shape, np.float32) for shape in self._state.shapes)

    def state(self) -> tuple[Float32Array, ...]:
        """A copy of the shift buffers."""
        return tuple(buffer.copy() for buffer in self._buffers)

    def load_state(self, buffers: tuple[Float32Array, ...]) -> None:
        """Replace the shift buffers by copies of `buffers`."""
        self._buffers = tuple(np.array(buffer, dtype=np.float32, order="C") for buffer in buffers)

    def close(self) -> None:
        """Free the shift buffers."""
        self._buffers = ()
