"""What do ten clips of each new gesture give? The user's own road on gestures that the default model never saw.

    python benchmarks/few_shot.py [INIT] [--people N] [--per-class N] [--tests N] [--whole]

Clips of NEW_LABELS are made in the world `held-out` and written as folders of pictures; `tsm-edge train
--freeze-backbone`, or with --whole `tsm-edge train` alone, learns from some, and the model is asked about others. INIT
is a checkpoint to start from: left out, the default model.

Every clip is of another person in another room, or with --people each of so many people records clips at one camera, as
`tsm-edge record` does, trains a model and is asked by it about further clips at that camera.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import numpy.typing as npt
import torch
from gesture_provenance import made_data, network, provenance, record_path, weights_file
from gesture_record import FewShotRecord
from record_files import write_record
from result_files import announce

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.export import TrainingOptions, load_checkpoint, train
from tsm_edge.export.data import open_data
from tsm_edge.export.data.gestures import MADE_LABELS, NEW_LABELS, WORLDS, GestureGenerator
from tsm_edge.export.data.gestures.sheet import write_folders, write_frames
from tsm_edge.export.evaluation import ModelScorer, clip_protocol
from tsm_edge.export.evaluation.clip_evaluation import match_labels
from tsm_edge.export.evaluation.clip_results import summarise
from tsm_edge.export.evaluation.clip_scores import clip_scores

# As `tsm-edge record` takes them, thinned: 3 s.
NUM_FRAMES, FPS, SIZE = 30, 10.0, 224


# From the beginning of a recorded clip to the stroke, and between gestures, seconds.
LEAD_S, PAUSES_S = (0.5, 1.3), (1.6, 2.4)

PROTOCOL = "1clip-center"

Write = Callable[[Path, Path], None]  # clips to learn into one folder, those to ask about into another


@click.command()
@click.argument("init", default="default")
@click.option("--people", type=click.IntRange(1), help="Who record at one camera each  [default: all differ]")
@click.option("--per-class", type=click.IntRange(1), default=10, show_default=True, help="Clips to learn.")
@click.option("--tests", type=click.IntRange(1), default=40, show_default=True, help="Others of each class.")
@click.option("--epochs", type=click.IntRange(1), help="Views of every clip  [default: as `train` has it]")
@click.option("--whole", is_flag=True, help="Let all layers learn, not the classifier alone.")
@click.option("--world", type=click.Choice(sorted(WORLDS)), default="held-out", show_default=True)
@click.option("--seed", type=int, default=1003, show_default=True, help="Of the clips.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Default: named by the conditions.")
def main(
    init: str, people: int | None, per_class: int, tests: int, epochs: int | None, whole: bool, world: str,
    seed: int, output: Path | None,
) -> None:  # fmt: skip
    """Learn new gestures from few clips, starting from INIT."""
    options = TrainingOptions(freeze_backbone=not whole, epochs=epochs, validation_fraction=0)
    record = measure(weights_file(init), options, people or 0, per_class, tests, world, seed)
    kind = ("-own" if people else "") + ("-whole" if whole else "")
    path = output or record_path(f"few-shot{kind}", record.network, world)
    write_record(record, path)
    announce(
        f"{record.top1:.1%} of {record.num_tests} clips, learned in {record.train_seconds:.0f} s; wrote {path}"
    )


def measure(
    weights: Path, options: TrainingOptions, people: int, per_class: int, tests: int, world: str, seed: int
) -> FewShotRecord:
    """Make clips, learn and ask.

    Raises:
        UsageError, CheckpointError, TrainingError: As their sources say.
    """
    began = provenance(__file__)
    start = load_checkpoint(weights).spec
    options = replace(options, image_size=start.preprocess.crop_size)
    asked = [_asked(weights, options, write) for write in _sets(people, per_class, tests, world, seed)]
    found = summarise(
        np.concatenate([each.scores for each in asked]),
        np.concatenate([each.truth for each in asked]),
        asked[0].labels,
        models=("few",),
        protocol=PROTOCOL,
        num_segments=(options.num_segments,),
    )
    return FewShotRecord(
        **began,
        data=made_data(world, seed),
        network=network(weights, start),
        num_people=people,
        num_per_class=per_class,
        num_views=options.num_epochs,
        freeze_backbone=options.freeze_backbone,
        num_tests=found.num_clips,
        train_seconds=float(np.median([each.seconds for each in asked])),
        top1=found.top1,
        classes=found.classes,
    )


def _sets(people: int, per_class: int, tests: int, world: str, seed: int) -> list[Write]:
    """What writes the clips to learn and those to ask about, once for each person who has a camera."""

    def generator(number: int) -> GestureGenerator:
        return GestureGenerator(world, seed=number, num_frames=NUM_FRAMES, fps=(FPS, FPS), size=SIZE)

    if not people:
        return [
            partial(
                write_others,
                generators=(generator(2 * seed), generator(2 * seed + 1)),
                counts=(per_class, tests),
            )
        ]
    return [
        partial(write_own, generator=generator(seed), person=person, counts=(per_class, tests))
        for person in range(people)
    ]


def write_others(
    learn: Path, ask: Path, generators: tuple[GestureGenerator, GestureGenerator], counts: tuple[int, int]
) -> None:
    """So many clips of each new gesture into either folder, every one of another person, as folders of pictures."""
    for folder, generator, count in zip((learn, ask), generators, counts, strict=True):
        write_folders(folder, generator=generator, count=count * len(NEW_LABELS), chosen=NEW_LABELS)


def write_own(
    learn: Path, ask: Path, generator: GestureGenerator, person: int, counts: tuple[int, int]
) -> None:
    """So many clips of each new gesture into either folder, all of one person at one camera, as folders of pictures.

    One stream of all gestures in turn, cut into clips of NUM_FRAMES as a countdown cuts them.
    """
    first, total = counts[0] * len(NEW_LABELS), sum(counts) * len(NEW_LABELS)
    shown = [MADE_LABELS.index(NEW_LABELS[i % len(NEW_LABELS)]) for i in range(total)]
    stream = generator.stream(person, shown, PAUSES_S)
    rng = np.random.default_rng((generator.seed, person))
    for number, event in enumerate(stream.events):
        begin = max(0, round((event.start - rng.uniform(*LEAD_S)) * stream.fps))
        clip = stream.frames[begin : begin + NUM_FRAMES]
        folder = learn if number < first else ask
        write_frames(folder / MADE_LABELS[event.label] / f"{number:06d}", clip)


@dataclass(frozen=True)
class _Asked:
    """Scores of clips that nothing was learned from, (clips, classes), their classes, and what training took."""

    scores: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    seconds: float


def _asked(weights: Path, options: TrainingOptions, write: Write) -> _Asked:
    with TemporaryDirectory() as folder:
        announce("making clips")
        write(Path(folder) / "learn", Path(folder) / "ask")
        announce("learning")
        model = Path(folder) / "few.safetensors"
        report = train(Path(folder) / "learn", model, options, init=str(weights), cache_gib=0)
        announce("asking")
        found = open_data(Path(folder) / "ask")
        scorer = ModelScorer(load_checkpoint(model), "few", torch.device("cpu"))
        segments = (options.num_segments,)
        scores = clip_scores([scorer], found.train, clip_protocol(PROTOCOL), segments, 0, lambda _: None)
        index = match_labels(found.labels, scorer.spec.labels)
    truth = np.array([index[clip.label] for clip in found.train])
    return _Asked(scores[0], truth, scorer.spec.labels, report.seconds)


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/few_shot.py")
