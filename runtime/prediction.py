"""What a stream says of one frame."""

from dataclasses import dataclass, field

from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.events import Event

__all__ = ["Prediction"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """One frame's answer.

    Attributes:
        frame: Index of the frame, counted from 0 at the stream's start or reset unless the caller gave one.
        timestamp_s: When it was taken, in seconds from the start of the video; None if the caller gave none.
        logits: (num_classes,) float32, of this frame alone.
        top: The five most probable classes of this frame alone with their probabilities (0 to 1), best first.
        smoothed_label: What to show, see `tsm_edge.runtime.smoothing`.
        events: Gestures that ended and started with this frame, in this order.
        latency_ms: Milliseconds by stage: "preprocess", "infer", "postprocess"; a run loop adds "decode". A frame that
            was left out, see `ModelSpec.max_fps`, has none of the three and repeats the logits before.
    """

    frame: int
    timestamp_s: float | None
    logits: Float32Array
    top: tuple[tuple[str, float], ...]
    smoothed_label: str
    events: tuple[Event, ...]
    latency_ms: dict[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The most probable class of this frame alone."""
        return self.top[0][0]

    @property
    def score(self) -> float:
        """Its probability, 0 to 1."""
        return self.top[0][1]

    @property
    def event(self) -> Event | None:
        """The last of `events`, if any; a gesture that starts has ended the one before."""
        return self.events[-1] if self.events else None
