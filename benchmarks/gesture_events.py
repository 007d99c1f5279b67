"""By which settings do a gesture model's logits become events best? export/training/gestures/streaming.py holds them.

    python benchmarks/gesture_events.py [MODEL] [--streams N] [--gestures N] [--quiet N] [--json FILE]

Made streams of the world `train`, at 24 and 6 frames a second and at 12 with a fifth of them lost, go through the
compiled library once for every number of frames that the network reads a second, in one memory and in two that take
turns. Every combination of the other settings is tried on the same logits. First come those that find most at least
precision, F1, among those whose median delay from the stroke's end is at most 0.3 s and that make at most one false
event a minute, also where nobody gestures; beside them, what the rules of the published online demo make of the same
logits. Figures come from elsewhere: benchmarks/gesture_streams.py shows another world.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, product
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from event_trials import Logits, Reading, Trial, all_trials, trial
from gesture_clips import gesture_model
from gesture_provenance import made_data, network, provenance, record_path, weights_file
from gesture_record import EventsRecord, EventsResult
from gesture_sources import ShownStream, made_streams
from gesture_tables import events_table
from record_files import write_record
from result_files import announce

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.export import compile_bundle
from tsm_edge.export.data.gestures import WORLDS
from tsm_edge.export.evaluation.labelled_streams import thinned
from tsm_edge.export.evaluation.stream_evaluation import StreamCondition
from tsm_edge.labels import smoothing_for
from tsm_edge.runtime import Session, Stream
from tsm_edge.specs import SmoothingSpec
from tsm_edge.targets import host_target

CONDITIONS = (StreamCondition(fps=24), StreamCondition(fps=12, drop=0.2), StreamCondition(fps=6))
READINGS = (Reading(5.0, 1), Reading(7.0, 1), Reading(4.0, 2), Reading(5.0, 2))
SHOWN = 10


@click.command()
@click.argument("model", default="default")
@click.option("--streams", type=click.IntRange(1), default=12, show_default=True)
@click.option("--gestures", type=click.IntRange(1), default=14, show_default=True, help="In each of them.")
@click.option("--quiet", type=click.IntRange(0), default=8, show_default=True, help="More, of other things.")
@click.option("--world", type=click.Choice(sorted(WORLDS)), default="train", show_default=True)
@click.option("--seed", type=int, default=2001, show_default=True, help="Of the streams.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Default: named by the conditions.")
def main(
    model: str, streams: int, gestures: int, quiet: int, world: str, seed: int, output: Path | None
) -> None:
    """Try settings with MODEL, a checkpoint of made gestures; by default the one that is shipped."""
    record = measure(weights_file(model), streams, gestures, quiet, world, seed)
    path = output or record_path("events", record.network, world)
    write_record(record, path)
    click.echo(events_table([record]))
    announce(f"wrote {path}")


def measure(weights: Path, streams: int, gestures: int, quiet: int, world: str, seed: int) -> EventsRecord:
    """Show all streams, try all settings."""
    began = provenance(__file__)
    model = gesture_model(weights)
    target = host_target()
    with TemporaryDirectory() as folder:
        announce("compiling")
        compile_bundle(model, target, Path(folder) / "bundle")
        with Session.load(Path(folder) / "bundle") as session:
            shown = made_streams(world, seed, streams, gestures, model.spec.labels)
            others = made_streams(world, seed + 1, quiet, 0, model.spec.labels)
            found = logits_of(session, chain(shown, others))
    trials = sorted(all_trials(model.spec, found), key=lambda each: (each.is_fit, each.f1), reverse=True)
    published = SmoothingSpec(background=smoothing_for(model.spec.labels).background)
    return EventsRecord(
        **began,
        data=made_data(world, seed),
        network=network(weights, model.spec),
        target=target.name,
        num_streams=streams,
        num_gestures=gestures,
        num_quiet=quiet,
        conditions=CONDITIONS,
        num_settings=len(trials),
        best=tuple(_result(each) for each in trials[:SHOWN]),
        published=tuple(_result(trial(model.spec, each, published, found[each])) for each in READINGS),
    )


def logits_of(session: Session, streams: Iterable[ShownStream]) -> dict[Reading, list[Logits]]:
    """Every stream under every condition, by how it is read."""
    found: dict[Reading, list[Logits]] = {reading: [] for reading in READINGS}
    for stream in streams:
        for reading, condition in product(READINGS, CONDITIONS):
            found[reading].append(_read(session, stream, reading, condition))
        announce(f"{stream.name}, {stream.duration_s:.0f} s")
    return found


def _read(session: Session, stream: ShownStream, reading: Reading, condition: StreamCondition) -> Logits:
    spec = replace(session.spec, **reading._asdict())
    opened = Stream(session.backend.open_stream, spec, smoothing=False)
    shown = thinned(stream.frames(), fps=condition.fps, drop=condition.drop)
    steps = [opened.step(frame, timestamp_s=time_s) for time_s, frame in shown]
    opened.close()
    read = [step for step in steps if step.latency_ms]
    times_s = tuple(step.timestamp_s or 0.0 for step in read)
    return Logits(times_s, np.stack([step.logits for step in read]), stream.events, stream.duration_s)


def _result(found: Trial) -> EventsResult:
    return EventsResult(
        max_fps=found.reading.max_fps,
        interleave=found.reading.interleave,
        smoothing=found.rules,
        is_fit=found.is_fit,
        f1=found.f1,
        precision=found.result.precision,
        recall=found.result.recall,
        median_delay_s=found.result.median_delay_s,
        false_per_hour=found.result.false_per_hour,
        quiet_false_per_hour=found.quiet.false_per_hour,
    )


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/gesture_events.py")
