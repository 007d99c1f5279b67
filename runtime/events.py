"""Gestures that start and end, made from the smoothed labels of successive frames."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "EventCallback", "events_between"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """A gesture started or ended.

    At most one gesture runs at a time; where one follows another at once, "ended" comes before "started".

    Attributes:
        label: Which gesture.
        frame: Index of the frame that showed it.
        timestamp_s: When that frame was taken, in seconds from the start of the video; None if nobody said.
    """

    kind: Literal["started", "ended"]
    label: str
    frame: int
    timestamp_s: float | None = None


EventCallback = Callable[[Event], None]


def events_between(
    before: str | None, after: str | None, *, frame: int, timestamp_s: float | None = None
) -> tuple[Event, ...]:
    """What happened between two frames.

    Args:
        before: The gesture that was running, None for background.
        after: The gesture that is running now, None for background.
        frame: Index of the second frame.
        timestamp_s: When the second frame was taken.
    """
    if before == after:
        return ()
    ended = (
        () if before is None else (Event(kind="ended", label=before, frame=frame, timestamp_s=timestamp_s),)
    )
    started = (
        () if after is None else (Event(kind="started", label=after, frame=frame, timestamp_s=timestamp_s),)
    )
    return (*ended, *started)
