"""By which settings do a gesture model's logits become events best? export/training/gestures/streaming.py holds them.

    python benchmarks/gesture_events.py [MODEL] [--streams N] [--gestures N] [--quiet N]

Made streams of the world `train`, at 24 and at 12 frames a second, go through the compiled library once for every
number of frames that the network reads a second. Every combination of the other settings is then tried on the same
logits. Printed are those that find most at least precision, F1, among those whose median delay from the stroke's end is
at most 0.3 s and that make at most one false event a minute, also where nobody gestures; below, what the rules of the
published online demo make of the same logits. Figures come from elsewhere: benchmarks/gesture_streams.py shows another
world.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import numpy.typing as npt
from gesture_clips import gesture_model
from gesture_record import weights_file
from gesture_sources import ShownStream, made_streams
from markdown_tables import markdown
from result_files import announce

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.export import compile_bundle
from tsm_edge.export.data.gestures import WORLDS
from tsm_edge.export.evaluation.event_metrics import Announcement, EventResult, TrueEvent, match_events
from tsm_edge.export.evaluation.labelled_streams import thinned
from tsm_edge.labels import smoothing_for
from tsm_edge.runtime import Session, Stream
from tsm_edge.runtime.events import events_between
from tsm_edge.runtime.smoothing import Smoother
from tsm_edge.specs import ModelSpec, SmoothingSpec
from tsm_edge.targets import host_target

CAMERAS_FPS = (24.0, 12.0)
MAX_FPS = (4.0, 5.0, 7.0)
GRID = {
    "window_s": (0.75, 1.0, 1.25, 1.5),
    "hysteresis_s": (0.0, 0.15),
    "threshold": (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97),
    "pause_s": (0.6, 1.0),
}
MOST_DELAY_S, MOST_FALSE_A_MINUTE = 0.3, 1.0
SHOWN = 10


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

    max_fps: float | None
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


@click.command()
@click.argument("model", default="default")
@click.option("--streams", type=click.IntRange(1), default=12, show_default=True)
@click.option("--gestures", type=click.IntRange(1), default=14, show_default=True, help="In each of them.")
@click.option("--quiet", type=click.IntRange(0), default=8, show_default=True, help="More, of other things.")
@click.option("--world", type=click.Choice(sorted(WORLDS)), default="train", show_default=True)
@click.option("--seed", type=int, default=2001, show_default=True, help="Of the streams.")
def main(model: str, streams: int, gestures: int, quiet: int, world: str, seed: int) -> None:
    """Try settings with MODEL, a checkpoint of made gestures; by default the one that is shipped."""
    network = gesture_model(weights_file(model))
    with TemporaryDirectory() as folder:
        announce("compiling")
        compile_bundle(network, host_target(), Path(folder) / "bundle")
        with Session.load(Path(folder) / "bundle") as session:
            shown = made_streams(world, seed, streams, gestures, network.spec.labels)
            others = made_streams(world, seed + 1, quiet, 0, network.spec.labels)
            found = logits_of(session, chain(shown, others))
    trials = sorted(all_trials(network.spec, found), key=lambda each: (each.is_fit, each.f1), reverse=True)
    click.echo(_table(trials[:SHOWN]))
    published = SmoothingSpec(background=smoothing_for(network.spec.labels).background)
    click.echo("\nThe published demo's rules, twelve logits and two wins:\n")
    click.echo(_table([trial(network.spec, rate, published, found[rate]) for rate in MAX_FPS]))


def logits_of(session: Session, streams: Iterable[ShownStream]) -> dict[float | None, list[Logits]]:
    """Every stream at every camera's rate, by the frames a second that the network reads at most."""
    found: dict[float | None, list[Logits]] = {rate: [] for rate in MAX_FPS}
    for stream in streams:
        for max_fps, fps in product(MAX_FPS, CAMERAS_FPS):
            spec = replace(session.spec, max_fps=max_fps)
            opened = Stream(session.backend.open_stream(), spec, smoothing=False)
            steps = [
                opened.step(frame, timestamp_s=time_s) for time_s, frame in thinned(stream.frames(), fps=fps)
            ]
            opened.close()
            read = [step for step in steps if step.latency_ms]
            times_s = tuple(step.timestamp_s or 0.0 for step in read)
            logits = np.stack([step.logits for step in read])
            found[max_fps].append(Logits(times_s, logits, stream.events, stream.duration_s))
        announce(f"{stream.name}, {stream.duration_s:.0f} s")
    return found


def all_trials(spec: ModelSpec, found: dict[float | None, list[Logits]]) -> Iterable[Trial]:
    """Every combination."""
    background = smoothing_for(spec.labels).background
    for max_fps, values in product(found, product(*GRID.values())):
        rules = SmoothingSpec(window=64, hysteresis=1, background=background)
        rules = replace(rules, **dict(zip(GRID, values, strict=True)))
        yield trial(spec, max_fps, rules, found[max_fps])


def trial(spec: ModelSpec, max_fps: float | None, rules: SmoothingSpec, streams: Sequence[Logits]) -> Trial:
    """What comes of these settings on streams that were read so."""
    quiet = replayed(spec, rules, [stream for stream in streams if not stream.events])
    busy = replayed(spec, rules, [stream for stream in streams if stream.events])
    return Trial(max_fps, rules, busy + quiet, quiet)


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


def _table(trials: Sequence[Trial]) -> str:
    header = ["frames/s read", *GRID, "F1", "precision", "recall", "median delay s", "false a minute"]
    header.append("of other things")
    return markdown(header, [_row(trial) for trial in trials])


def _row(trial: Trial) -> list[str]:
    result = trial.result
    figures = [trial.f1, result.precision or 0.0, result.recall or 0.0, result.median_delay_s or float("nan")]
    settings = [f"{getattr(trial.rules, name) or 0:g}" for name in GRID]
    rate = "all" if trial.max_fps is None else f"{trial.max_fps:g}"
    false = [f"{each.false_per_hour / 60:.2f}" for each in (result, trial.quiet)]
    return [rate, *settings, *(f"{value:.2f}" for value in figures), *false]


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/gesture_events.py")
