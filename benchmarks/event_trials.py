"""Every combination of the settings that turn logits into events, tried on what a network said of streams."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tsm_edge.export.evaluation.event_metrics import Announcement, EventResult, TrueEvent, match_events
from tsm_edge.labels import smoothing_for
from tsm_edge.runtime.events import events_between
from tsm_edge.runtime.smoothing import Smoother
from tsm_edge.specs import ModelSpec, SmoothingSpec

__all__ = [
    "GRID",
    "MOST_DELAY_S",
    "MOST_FALSE_A_MINUTE",
    "Logits",
    "Reading",
    "Trial",
    "all_trials",
    "replayed",
    "trial",
]

GRID = {
    "window_s": (0.75, 1.0, 1.15, 1.25, 1.5),
    "hysteresis_s": (0.0, 0.15),
    "threshold": (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.96, 0.97),
    "pause_s": (0.6, 1.0),
}
MOST_DELAY_S, MOST_FALSE_A_MINUTE = 0.3, 1.0


class Reading(NamedTuple):
    """How often the network reads a stream: frames a second of each of its memories, and how many take turns."""

    max_fps: float
    interleave: int


@dataclass(frozen=True)
class Logits:
    """What the network said of the frames that it read of one stream: (T,) seconds and (T, classes)."""

    times_s: tuple[float, ...]
    logits: npt.NDArray[np.float32]
    events: tuple[TrueEvent, ...]
    duration_s: float


@dataclass(frozen=True)
class Trial:
    """Settings and what came of them: on all streams, and on those in which nobody gestures."""

    reading: Reading
    rules: SmoothingSpec
    result: EventResult
    quiet: EventResult

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = self.result.announced + self.result.happened
        return 2 * self.result.right / both if both else 0.0

    @property
    def is_fit(self) -> bool:
        """Whether it is quick and calm enough."""
        delay_s = self.result.median_delay_s
        most = max(self.result.false_per_hour, self.quiet.false_per_hour)
        is_calm = most <= 60 * MOST_FALSE_A_MINUTE
        return is_calm and delay_s is not None and delay_s <= MOST_DELAY_S


def all_trials(spec: ModelSpec, found: Mapping[Reading, Sequence[Logits]]) -> Iterable[Trial]:
    """Every combination on streams that were read in these ways."""
    background = smoothing_for(spec.labels).background
    for reading, values in product(found, product(*GRID.values())):
        rules = SmoothingSpec(window=64, hysteresis=1, background=background)
        rules = replace(rules, **dict(zip(GRID, values, strict=True)))
        yield trial(spec, reading, rules, found[reading])


def trial(spec: ModelSpec, reading: Reading, rules: SmoothingSpec, streams: Sequence[Logits]) -> Trial:
    """What comes of these settings on streams that were read so."""
    quiet = replayed(spec, rules, [stream for stream in streams if not stream.events])
    busy = replayed(spec, rules, [stream for stream in streams if stream.events])
    return Trial(reading, rules, busy + quiet, quiet)


def replayed(spec: ModelSpec, rules: SmoothingSpec, streams: Sequence[Logits]) -> EventResult:
    """What the runtime would announce of these logits."""
    smoother = Smoother(replace(spec, smoothing=rules))
    total = EventResult(happened=0, announced=0, right=0, duration_s=0.0)
    for stream in streams:
        state, announced, before_s = smoother.initial_state(), [], stream.times_s[0]
        for time_s, logits in zip(stream.times_s, stream.logits, strict=True):
            before, state = state, smoother.advance(state, logits, time_s - before_s)
            for event in events_between(smoother.gesture(before), smoother.gesture(state), frame=0):
                if event.kind == "started":
                    announced.append(Announcement(label=event.label, time_s=time_s))
            before_s = time_s
        total += match_events(stream.events, announced, stream.duration_s)
    return total
