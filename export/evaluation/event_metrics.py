"""Events that a stream announced against those that happened.

An announcement is right if it has the label of an event and falls between its beginning and `tolerance_s` after its
end, and no other announcement was matched to that event before. All others are false.

    precision = right / announced      recall = right / happened      delay = announced - end of the event

A delay below zero: it was announced while it still went on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Announcement", "EventResult", "TrueEvent", "match_events"]

TOLERANCE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class TrueEvent:
    """Something that happens in a stream, in seconds from its beginning."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """The start of an event as a stream announced it."""

    label: str
    time_s: float


@dataclass(frozen=True, kw_only=True)
class EventResult:
    """Counts over one stream or several.

    Attributes:
        happened: Events in the streams.
        announced: Announcements of all labels.
        right: Announcements that match an event.
        duration_s: How long the streams are.
        delays_s: One for each right announcement.
        found: Events that were announced.
        false: Announcements that match none.
    """

    happened: int
    announced: int
    right: int
    duration_s: float
    delays_s: tuple[float, ...] = ()
    found: tuple[TrueEvent, ...] = ()
    false: tuple[Announcement, ...] = ()

    @property
    def precision(self) -> float | None:
        """Part of the announcements that were right; None without any."""
        return self.right / self.announced if self.announced else None

    @property
    def recall(self) -> float | None:
        """Part of the events that were announced; None without any."""
        return self.right / self.happened if self.happened else None

    @property
    def median_delay_s(self) -> float | None:
        """Median of the delays; None without any."""
        return median(self.delays_s) if self.delays_s else None

    @property
    def false_per_hour(self) -> float:
        """False announcements an hour."""
        return (self.announced - self.right) / self.duration_s * 3600 if self.duration_s else 0.0

    def __add__(self, other: "EventResult") -> "EventResult":
        return EventResult(
            happened=self.happened + other.happened,
            announced=self.announced + other.announced,
            right=self.right + other.right,
            duration_s=self.duration_s + other.duration_s,
            delays_s=self.delays_s + other.delays_s,
            found=self.found + other.found,
            false=self.false + other.false,
        )


def match_events(
    events: Sequence[TrueEvent],
    announcements: Sequence[Announcement],
    duration_s: float,
    *,
    tolerance_s: float = TOLERANCE_S,
) -> EventResult:
    """Match a stream's announcements, in the order of their times, each to the event that ends first."""
    left = sorted(events, key=lambda event: event.end_s)
    delays, found, false = [], [], []
    for announced in sorted(announcements, key=lambda each: each.time_s):
        fitting = (
            event
            for event in left
            if event.label == announced.label
            and event.start_s <= announced.time_s <= event.end_s + tolerance_s
        )
        event = next(fitting, None)
        if event is None:
            false.append(announced)
        else:
            left.remove(event)
            found.append(event)
            delays.append(announced.time_s - event.end_s)
    return EventResult(
        happened=len(events),
        announced=len(announcements),
        right=len(delays),
        duration_s=duration_s,
        delays_s=tuple(delays),
        found=tuple(found),
        false=tuple(false),
    )
