"""One stream of frames on a session: checks them, runs them through the network, says what they mean."""

import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from time import perf_counter

import numpy as np

from tsm_edge.errors import FrameError, UsageError
from tsm_edge.runtime.backends.base import BackendStream, Float32Array
from tsm_edge.runtime.events import Event, EventCallback
from tsm_edge.runtime.pacing import Pacing
from tsm_edge.runtime.postprocess import Postprocessor
from tsm_edge.runtime.prediction import Prediction
from tsm_edge.runtime.preprocess import Preprocessor, UInt8Array
from tsm_edge.runtime.stream_state import StreamState, check_state
from tsm_edge.specs import ModelSpec

__all__ = ["MAX_INPUT", "Stream"]

# Normalised pixels lie within 3 of zero. Far larger ones could overflow inside the network, and an infinity
# in a shift buffer would stay there for good.
MAX_INPUT = 1e4


class Stream:
    """Frames in, predictions out. Made by `Session.open_stream`; may be called from several threads.

    A frame or state that is refused with an error leaves the stream as it was. Where the model reads fewer frames a
    second than come (`ModelSpec.max_fps`), those between repeat the prediction before; that needs `timestamp_s`.

    Args:
        open_memory: Gives shift buffers for one of the stream's memories, see `tsm_edge.runtime.pacing`.
        spec: The model.
        smoothing: False shows every single frame's label.
        on_event: Called in the stepping thread for every gesture that starts or ends.
    """

    def __init__(
        self,
        open_memory: Callable[[], BackendStream],
        spec: ModelSpec,
        *,
        smoothing: bool = True,
        on_event: EventCallback | None = None,
    ) -> None:
        self.spec = spec
        self._memories = tuple(open_memory() for _ in range(spec.interleave))
        self._pacing = Pacing(spec)
        self._preprocess = Preprocessor(spec.preprocess)
        self._postprocess = Postprocessor(spec, smoothing=smoothing)
        self._on_event = on_event
        # Reentrant, so that an event's callback may ask the stream for its state or reset it.
        self._lock = threading.RLock()
        self._frame = 0
        self._latest: Prediction | None = None
        # Also frees what the engine holds for a stream that nobody closed; runs once.
        self._release = weakref.finalize(self, _close, self._memories)

    def step(
        self, frame: UInt8Array, *, frame_index: int | None = None, timestamp_s: float | None = None
    ) -> Prediction:
        """Predict one more frame.

        Args:
            frame: (H, W, 3) uint8 BGR, of any size.
            frame_index: What predictions and events call this frame; by default how many came before it.
            timestamp_s: When it was taken; predictions and events repeat it.

        Raises:
            FrameError: Another shape or dtype, or no pixels.
            UsageError: The stream or its session is closed.
        """
        return self._predict(lambda: self._preprocess(frame), frame_index, timestamp_s)

    def step_tensor(
        self, x: Float32Array, *, frame_index: int | None = None, timestamp_s: float | None = None
    ) -> Prediction:
        """Predict one more frame, (1, 3, S, S) float32 RGB that is already normalised; needs no OpenCV.

        Raises:
            FrameError: Another shape or dtype, or values that are NaN, infinite or beyond 10,000.
            UsageError: The stream or its session is closed.
        """
        return self._predict(lambda: self._checked(x), frame_index, timestamp_s)

    def reset(self) -> tuple[Event, ...]:
        """Forget all frames; a gesture that was running ends, which is returned and announced."""
        with self._lock:
            self._check_open()
            for memory in self._memories:
                memory.reset()
            self._pacing.forget()
            self._frame, self._latest = 0, None
            events = self._postprocess.reset()
            self._announce(events)
        return events

    def state(self) -> StreamState:
        """A copy of all that the stream remembers; it fits any backend and can be saved to a file."""
        with self._lock:
            self._check_open()
            buffers = chain.from_iterable(self._memories[i].state() for i in self._pacing.order())
            return StreamState(
                shift_buffers=tuple(buffers), smoothing=self._postprocess.state, frame=self._frame
            )

    def load_state(self, state: StreamState) -> None:
        """Go on where `state` was taken, in this stream or in another one of the same model.

        Raises:
            StateError: It does not fit this model.
            UsageError: The stream or its session is closed.
        """
        check_state(state, self.spec)
        with self._lock:
            self._check_open()
            count = len(self.spec.state.shapes)
            for i, memory in enumerate(self._memories):
                memory.load_state(state.shift_buffers[i * count : (i + 1) * count])
            self._pacing.forget()
            self._postprocess.load_state(state.smoothing)
            self._frame, self._latest = state.frame, None

    def close(self) -> None:
        """Free the stream's memory; a gesture that was running ends. Closing twice is no error."""
        with self._lock:
            if not self._release.alive:
                return
            try:
                self._announce(self._postprocess.reset())
            finally:
                self._release()

    def _predict(
        self, preprocess: Callable[[], Float32Array], frame_index: int | None, timestamp_s: float | None
    ) -> Prediction:
        with self._lock:
            if self._pacing.turn(timestamp_s) is None:
                return self._repeated(frame_index, timestamp_s)
        start = perf_counter()
        network_input = preprocess()
        preprocess_ms = (perf_counter() - start) * 1e3
        with self._lock:
            memory = self._pacing.turn(timestamp_s)
            if memory is None:  # another thread's frame was quicker
                return self._repeated(frame_index, timestamp_s)
            self._check_open()
            start = perf_counter()
            logits = self._memories[memory].step(network_input)
            inferred = perf_counter()
            self._pacing.read(memory, timestamp_s)
            prediction = self._postprocess.step(
                logits, self._frame if frame_index is None else frame_index, timestamp_s
            )
            self._frame, self._latest = self._frame + 1, prediction
            infer_ms, postprocess_ms = (inferred - start) * 1e3, (perf_counter() - inferred) * 1e3
            self._announce(prediction.events)
        latency_ms = {"preprocess": preprocess_ms, "infer": infer_ms, "postprocess": postprocess_ms}
        return replace(prediction, latency_ms=latency_ms)

    def _repeated(self, frame_index: int | None, timestamp_s: float | None) -> Prediction:
        """The prediction before once more: this frame comes too early for the model to read it."""
        self._check_open()
        assert self._latest is not None  # no frame is too early for a stream that has read none
        self._frame += 1
        frame = self._frame - 1 if frame_index is None else frame_index
        return replace(self._latest, frame=frame, timestamp_s=timestamp_s, events=(), latency_ms={})

    def _checked(self, x: Float32Array) -> Float32Array:
        shape = self.spec.input_shape
        if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.shape != shape:
            given = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
            raise FrameError(
                f"tensor is {given}, expected float32 {shape} RGB, normalised; for pictures use step()"
            )
        # A comparison with NaN is false, so that this finds NaN as well.
        if not max(x.max(), -x.min()) <= MAX_INPUT:
            raise FrameError(
                f"tensor holds NaN, infinity or values beyond {MAX_INPUT:g}; normalise it, see step()"
            )
        return np.ascontiguousarray(x)

    def _announce(self, events: tuple[Event, ...]) -> None:
        if self._on_event is not None:
            for event in events:
                self._on_event(event)

    def _check_open(self) -> None:
        if not self._release.alive:
            raise UsageError("this stream is closed; open another one with session.open_stream()")


def _close(memories: tuple[BackendStream, ...]) -> None:
    for memory in memories:
        memory.close()
