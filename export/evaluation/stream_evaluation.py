"""A network as it is used: streams of frames through it, smoothed, and what it announced."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tsm_edge.errors import DataError
from tsm_edge.export.evaluation.event_metrics import Announcement, EventResult, match_events
from tsm_edge.export.evaluation.labelled_streams import EventStream, thinned
from tsm_edge.specs import ModelSpec

__all__ = ["StreamCondition", "StreamEvaluation", "StreamResult", "announcements", "evaluate_streams"]


@dataclass(frozen=True, kw_only=True)
class StreamCondition:
    """How frames arrive.

    Attributes:
        fps: At most that many a second; None keeps the streams' own rate.
        drop: Part of them that is lost at random, 0 to 1.
    """

    fps: float | None = None
    drop: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StreamResult:
    """Figures of one condition, over all streams.

    Attributes:
        fps: See `StreamCondition`.
        drop: See `StreamCondition`.
        frames: Frames that reached the network.
        happened: Events in the streams.
        announced: Events that the network announced.
        precision: Part of the announcements that were right.
        recall: Part of the events that were announced.
        median_delay_s: From an event's end to its announcement; below zero, it still went on.
        false_per_hour: Announcements an hour that were wrong.
    """

    fps: float | None
    drop: float
    frames: int
    happened: int
    announced: int
    precision: float | None
    recall: float | None
    median_delay_s: float | None
    false_per_hour: float


@dataclass(frozen=True, kw_only=True)
class StreamEvaluation:
    """Figures of a network on streams.

    Attributes:
        model: Its name.
        streams: Names of the streams.
        duration_s: Of all streams together.
        results: One for each condition.
        never_shown: Labels of events that smoothing hides by its rules; they were not asked for.
        weights_note: What reports say about the weights.
    """

    model: str
    streams: tuple[str, ...]
    duration_s: float
    results: tuple[StreamResult, ...]
    never_shown: tuple[str, ...] = ()
    weights_note: str = ""


def evaluate_streams(
    open_stream: Callable[[], Any],
    spec: ModelSpec,
    name: str,
    streams: Sequence[EventStream],
    conditions: Sequence[StreamCondition] = (StreamCondition(),),
    *,
    seed: int = 0,
    on_frame: Callable[[int], None] = lambda _: None,
) -> StreamEvaluation:
    """Step every frame of every stream under every condition.

    Args:
        open_stream: Gives a new stream of the runtime, known here by its shape alone: `step` with a frame and its
            time, whose prediction has `events`, and `close`.
        spec: What the network is.
        name: What the report calls it.
        streams: What to show.
        conditions: How to show it.
        seed: Of frames that are lost.
        on_frame: Called with 1 for every frame.

    Raises:
        DataError: Streams with events that the network has no label for.
    """
    known = set(spec.labels) - set(spec.smoothing.background) - set(spec.smoothing.ignore)
    unknown = {event.label for stream in streams for event in stream.events} - set(spec.labels)
    if unknown:
        raise DataError(f"{name} has no label {', '.join(map(repr, sorted(unknown)))}; rename the events")
    never_shown = {event.label for stream in streams for event in stream.events} - known
    results = []
    for condition in conditions:
        total, frames = EventResult(happened=0, announced=0, right=0, duration_s=0.0), 0
        for stream in streams:
            events = [event for event in stream.events if event.label not in never_shown]
            announced, count = announcements(open_stream(), stream, condition, seed, on_frame)
            total, frames = total + match_events(events, announced, stream.duration_s), frames + count
        results.append(_result(condition, total, frames))
    return StreamEvaluation(
        model=name,
        streams=tuple(stream.name for stream in streams),
        duration_s=sum(stream.duration_s for stream in streams),
        results=tuple(results),
        never_shown=tuple(sorted(never_shown)),
        weights_note=spec.weights_note,
    )


def announcements(
    opened: Any,
    stream: EventStream,
    condition: StreamCondition,
    seed: int = 0,
    on_frame: Callable[[int], None] = lambda _: None,
) -> tuple[list[Announcement], int]:
    """What a network announced of one stream, and how many frames reached it.

    Args:
        opened: A new stream of the runtime, which is closed then; see `evaluate_streams`.
        stream: What to show.
        condition: How to show it.
        seed: Of frames that are lost.
        on_frame: Called with 1 for every frame.
    """
    announced, count = [], 0
    for time_s, frame in thinned(stream.frames(), fps=condition.fps, drop=condition.drop, seed=seed):
        for event in opened.step(frame, timestamp_s=time_s).events:
            if event.kind == "started":
                announced.append(Announcement(label=event.label, time_s=time_s))
        count += 1
        on_frame(1)
    opened.close()
    return announced, count


def _result(condition: StreamCondition, total: EventResult, frames: int) -> StreamResult:
    return StreamResult(
        fps=condition.fps,
        drop=condition.drop,
        frames=frames,
        happened=total.happened,
        announced=total.announced,
        precision=total.precision,
        recall=total.recall,
        median_delay_s=total.median_delay_s,
        false_per_hour=total.false_per_hour,
    )
