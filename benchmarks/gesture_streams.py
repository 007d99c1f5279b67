"""What users see of a gesture model: events on long streams, their delay, and false ones.

    python benchmarks/gesture_streams.py [MODEL] [--streams N] [--gestures N] [--videos FOLDER] [--json FILE]

The checkpoint is compiled for this machine, and every frame goes through `Session` and `Stream` with its time, as in
`tsm-edge run`: resized, streamed, smoothed. Made streams are of the world `held-out`: one person, one gesture after
another with other things between them, and every fourth stream other things alone. Packaged videos show no gesture,
nor must those of FOLDER.
Slower cameras are the same streams thinned; lost frames are lost at random.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from gesture_clips import gesture_model
from gesture_provenance import made_data, network, provenance, record_path, weights_file
from gesture_record import StreamsRecord, StreamsResult
from gesture_sources import FilmStream, ShownStream, made_streams, packaged_streams, video_streams
from record_files import write_record
from result_files import announce

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.export import compile_bundle
from tsm_edge.export.data.gestures import DIRECTED_PAIRS, WORLDS
from tsm_edge.export.evaluation.event_metrics import Announcement, EventResult, TrueEvent, match_events
from tsm_edge.export.evaluation.stream_evaluation import StreamCondition, announcements
from tsm_edge.export.training.memory import keep_freed_memory
from tsm_edge.runtime import Session
from tsm_edge.targets import host_target

CONDITIONS = (
    StreamCondition(fps=24),
    StreamCondition(fps=12),
    StreamCondition(fps=6),
    StreamCondition(fps=24, drop=0.2),
    StreamCondition(fps=12, drop=0.2),
)
# How long after a gesture a false event is put down to it, seconds.
AFTERMATH_S = 1.5
OPPOSITES = {a: b for pair in DIRECTED_PAIRS for a, b in (pair, pair[::-1])} | {
    "Pushing Hand Away": "Pulling Hand In",
    "Pulling Hand In": "Pushing Hand Away",
}


@click.command()
@click.argument("model", default="default")
@click.option("--streams", type=click.IntRange(1), default=16, show_default=True, help="Made streams.")
@click.option("--gestures", type=click.IntRange(1), default=14, show_default=True, help="In each of them.")
@click.option("--world", type=click.Choice(sorted(WORLDS)), default="held-out", show_default=True)
@click.option("--seed", type=int, default=1002, show_default=True, help="Of the streams.")
@click.option(
    "--videos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of more videos in which nobody gestures.",
)
@click.option("--json", "output", type=click.Path(path_type=Path), help="Default: named by the conditions.")
def main(
    model: str, streams: int, gestures: int, world: str, seed: int, videos: Path | None, output: Path | None
) -> None:
    """Announce events with MODEL, a checkpoint of made gestures; by default the one that is shipped."""
    record = measure(weights_file(model), streams, gestures, world, seed, videos)
    path = output or record_path("streams", record.network, world)
    write_record(record, path)
    for result in record.results:
        announce(sentence(result))
    announce(f"wrote {path}")


def measure(
    weights: Path, count: int, gestures: int, world: str, seed: int, videos: Path | None = None
) -> StreamsRecord:
    """Show all streams under all conditions.

    Raises:
        CheckpointError, CompileError, UsageError, MissingDependencyError: As their sources say.
    """
    began = provenance(__file__)
    own = video_streams(videos) if videos else ()  # told at once where there are none
    keep_freed_memory()
    model = gesture_model(weights)
    tally = Tally()
    with TemporaryDirectory() as folder:
        announce("compiling")
        target = host_target()
        compile_bundle(model, target, Path(folder) / "bundle")
        with Session.load(Path(folder) / "bundle") as session:
            for stream in chain(packaged_streams(), own):
                tally.show(stream, session, CONDITIONS[:3])
            for place, stream in enumerate(made_streams(world, seed, count, gestures, model.spec.labels)):
                tally.show(stream, session, CONDITIONS)
                announce(f"stream {place + 1} of {count}, {stream.duration_s:.0f} s")
    return StreamsRecord(
        **began,
        data=made_data(world, seed),
        network=network(weights, model.spec),
        smoothing=model.spec.smoothing,
        interleave=model.spec.interleave,
        target=target.name,
        num_streams=count,
        num_gestures=gestures,
        results=tally.results(),
    )


class Tally:
    """Adds up what was announced, by kind of stream and condition."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, StreamCondition], EventResult] = {}
        self._frames: Counter[tuple[str, StreamCondition]] = Counter()
        self._happened: dict[tuple[str, StreamCondition], Counter[str]] = defaultdict(Counter)
        self._found: dict[tuple[str, StreamCondition], Counter[str]] = defaultdict(Counter)
        self._false: dict[tuple[str, StreamCondition], Counter[str]] = defaultdict(Counter)

    def show(
        self, stream: ShownStream | FilmStream, session: Session, conditions: Iterable[StreamCondition]
    ) -> None:
        """Step every frame under every condition."""
        for condition in conditions:
            announced, frames = announcements(
                session.open_stream(), stream, condition, seed=len(stream.events)
            )
            self.add(stream, condition, announced, frames)

    def add(
        self,
        stream: ShownStream | FilmStream,
        condition: StreamCondition,
        announced: list[Announcement],
        frames: int,
    ) -> None:
        """Count what was announced of one stream."""
        key = (stream.kind, condition)
        result = match_events(stream.events, announced, stream.duration_s)
        self._totals[key] = self._totals[key] + result if key in self._totals else result
        self._frames[key] += frames
        self._happened[key].update(event.label for event in stream.events)
        self._found[key].update(event.label for event in result.found)
        self._false[key].update(why_false(each, stream.events) for each in result.false)

    def results(self) -> tuple[StreamsResult, ...]:
        """One for each kind of stream and condition, in the order in which they were first shown."""
        return tuple(self._result(*key) for key in self._totals)

    def _result(self, kind: str, condition: StreamCondition) -> StreamsResult:
        key = (kind, condition)
        total = self._totals[key]
        return StreamsResult(
            kind=kind,
            fps=condition.fps or 0.0,
            drop=condition.drop,
            frames=self._frames[key],
            duration_s=total.duration_s,
            happened=total.happened,
            announced=total.announced,
            right=total.right,
            precision=total.precision,
            recall=total.recall,
            median_delay_s=total.median_delay_s,
            false_per_hour=total.false_per_hour,
            false=dict(self._false[key].most_common()),
            recalls={label: self._found[key][label] / n for label, n in sorted(self._happened[key].items())},
        )


def why_false(announced: Announcement, events: Sequence[TrueEvent]) -> str:
    """What a false announcement can be put down to."""
    near = [
        event for event in events if event.start_s <= announced.time_s <= event.end_s + AFTERMATH_S
    ]  # fmt: skip
    if any(event.label == announced.label for event in near):
        return "announced again, or late"
    if any(OPPOSITES.get(event.label) == announced.label for event in near):
        return "the opposite"
    if near:
        return "another gesture"
    soon = [event for event in events if event.start_s - AFTERMATH_S <= announced.time_s < event.start_s]
    if any(event.label == announced.label for event in soon):
        return "before its stroke"
    return "another gesture, before a stroke" if soon else "nothing"


def sentence(result: StreamsResult) -> str:
    """A result in a line."""
    lost = f", {result.drop:.0%} lost" if result.drop else ""
    figures = [f"{result.kind} at {result.fps:g} frames a second{lost}:"]
    if result.precision is not None and result.happened:
        figures.append(f"precision {result.precision:.1%},")
    if result.recall is not None:
        figures.append(f"recall {result.recall:.1%},")
    if result.median_delay_s is not None:
        figures.append(f"median delay {result.median_delay_s:+.2f} s,")
    figures.append(f"{result.false_per_hour / 60:.2f} false a minute of {result.duration_s / 60:.1f}")
    return " ".join(figures)


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/gesture_streams.py")
