"""From logits to a prediction: probabilities, the smoothed label, gestures that start and end."""

import math

import numpy as np

from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.events import Event, events_between
from tsm_edge.runtime.prediction import Prediction
from tsm_edge.runtime.smoothing import USUAL_FRAME_S, Smoother, SmoothingState
from tsm_edge.specs import ModelSpec

__all__ = ["TOP_K", "Postprocessor", "softmax", "top_scores"]

TOP_K = 5


class Postprocessor:
    """What a stream remembers beside the shift buffers."""

    def __init__(self, spec: ModelSpec, *, smoothing: bool = True) -> None:
        self._labels = spec.labels
        self._smoother = Smoother(spec, enabled=smoothing)
        self._state = self._smoother.initial_state()
        self._last_seen: tuple[int, float | None] = (0, None)
        self._last_s: float | None = None

    @property
    def state(self) -> SmoothingState:
        """What smoothing remembers."""
        return self._state

    def load_state(self, state: SmoothingState) -> None:
        """Go on from `state`, which is already checked; this starts and ends no gesture."""
        self._state = self._smoother.trimmed(state)
        self._last_s = None

    def step(self, logits: Float32Array, frame: int, timestamp_s: float | None) -> Prediction:
        """The prediction of frame number `frame` from its logits (num_classes,), without latencies."""
        before = self._smoother.gesture(self._state)
        self._state = self._smoother.advance(self._state, logits, self._elapsed_s(timestamp_s))
        self._last_seen = (frame, timestamp_s)
        after = self._smoother.gesture(self._state)
        events = events_between(before, after, frame=frame, timestamp_s=timestamp_s)
        top = top_scores(logits, self._labels)
        return Prediction(
            frame=frame,
            timestamp_s=timestamp_s,
            logits=logits,
            top=top,
            smoothed_label=self._smoother.label(self._state) or top[0][0],
            events=events,
        )

    def reset(self) -> tuple[Event, ...]:
        """Forget all frames; a running gesture ends, at the last frame seen."""
        frame, timestamp_s = self._last_seen
        events = events_between(
            self._smoother.gesture(self._state), None, frame=frame, timestamp_s=timestamp_s
        )
        self._state = self._smoother.initial_state()
        self._last_s = None
        return events

    def _elapsed_s(self, timestamp_s: float | None) -> float:
        """Seconds since the frame before; a usual frame's where times are missing or went back."""
        before, self._last_s = self._last_s, timestamp_s
        if timestamp_s is None or before is None or not 0 <= timestamp_s - before < math.inf:
            return USUAL_FRAME_S
        return timestamp_s - before


def top_scores(logits: Float32Array, labels: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """The five most probable labels with their probabilities, best first; all if they are fewer."""
    scores = softmax(logits)
    # By logits: probabilities of close classes can be equal in float32.
    best = np.argsort(-logits, kind="stable")[:TOP_K]
    return tuple((labels[i], float(scores[i])) for i in best)


def softmax(logits: Float32Array) -> Float32Array:
    """Probabilities (num_classes,) float32 of logits (num_classes,)."""
    exponentials = np.exp(logits - logits.max())
    probabilities: Float32Array = exponentials / exponentials.sum()
    return probabilities
