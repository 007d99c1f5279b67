"""What do ten clips of each new gesture give? The user's own road on gestures that the default model never saw.

    python benchmarks/few_shot.py [INIT] [--per-class N] [--tests N] [--whole]

Clips of NEW_LABELS are made in the world `held-out` and written as folders of pictures; `tsm-edge train
--freeze-backbone`, or with --whole `tsm-edge train` alone, learns from some, and the model is asked about others, of
other people in other rooms. INIT is a checkpoint to start from: left out, the default model.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from gesture_record import FewShotRecord, made_data, network, provenance, weights_file
from record_files import write_record
from result_files import RESULTS, announce

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.export import TrainingOptions, load_checkpoint, train
from tsm_edge.export.data import open_data
from tsm_edge.export.data.gestures import NEW_LABELS, WORLDS, GestureGenerator
from tsm_edge.export.data.gestures.sheet import write_folders
from tsm_edge.export.evaluation import ClipEvaluation, ModelScorer, clip_protocol, evaluate_clips

# As `tsm-edge record` takes them, thinned: 3 s.
NUM_FRAMES, FPS, SIZE = 30, 10.0, 224


@click.command()
@click.argument("init", default="default")
@click.option("--per-class", type=click.IntRange(1), default=10, show_default=True, help="Clips to learn.")
@click.option("--tests", type=click.IntRange(1), default=40, show_default=True, help="Others of each class.")
@click.option("--epochs", type=click.IntRange(1), help="Views of every clip  [default: as `train` has it]")
@click.option("--whole", is_flag=True, help="Let all layers learn, not the classifier alone.")
@click.option("--world", type=click.Choice(sorted(WORLDS)), default="held-out", show_default=True)
@click.option("--seed", type=int, default=1003, show_default=True, help="Of the clips.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Default: named by the conditions.")
def main(
    init: str, per_class: int, tests: int, epochs: int | None, whole: bool, world: str, seed: int,
    output: Path | None,
) -> None:  # fmt: skip
    """Learn new gestures from few clips, starting from INIT."""
    options = TrainingOptions(freeze_backbone=not whole, epochs=epochs, validation_fraction=0)
    record = measure(weights_file(init), options, per_class, tests, world, seed)
    kind = "whole-" if whole else ""
    start = f"{record.network.name}-{record.network.image_size}px"
    path = output or RESULTS / f"gestures-few-shot-{kind}{start}-{world}.json"
    write_record(record, path)
    announce(
        f"{record.top1:.1%} of {record.num_tests} clips, learned in {record.train_seconds:.0f} s; wrote {path}"
    )


def measure(
    weights: Path, options: TrainingOptions, per_class: int, tests: int, world: str, seed: int
) -> FewShotRecord:
    """Make clips, learn and ask.

    Raises:
        UsageError, CheckpointError, TrainingError: As their sources say.
    """
    began = provenance(__file__)
    start = load_checkpoint(weights).spec
    options = replace(options, image_size=start.preprocess.crop_size)
    with TemporaryDirectory() as folder:
        learn, ask = Path(folder) / "learn", Path(folder) / "ask"
        announce("making clips")
        write(learn, world, 2 * seed, per_class)
        write(ask, world, 2 * seed + 1, tests)
        announce("learning")
        report = train(learn, Path(folder) / "few.safetensors", options, init=str(weights), cache_gib=0)
        announce("asking")
        found = evaluated(Path(folder) / "few.safetensors", ask)
    return FewShotRecord(
        **began,
        data=made_data(world, seed),
        network=network(weights, start),
        num_per_class=per_class,
        num_views=options.num_epochs,
        freeze_backbone=options.freeze_backbone,
        num_tests=found.num_clips,
        train_seconds=report.seconds,
        top1=found.top1,
        classes=found.classes,
    )


def write(folder: Path, world: str, seed: int, per_class: int) -> None:
    """Clips of the new gestures in turn, as folders of pictures."""
    generator = GestureGenerator(world, seed=seed, num_frames=NUM_FRAMES, fps=(FPS, FPS), size=SIZE)
    write_folders(folder, generator, per_class * len(NEW_LABELS), chosen=NEW_LABELS)


def evaluated(weights: Path, folder: Path) -> ClipEvaluation:
    """Every clip once, its frames' middle."""
    found = open_data(folder)
    scorer = ModelScorer(load_checkpoint(weights), "few", torch.device("cpu"))
    return evaluate_clips([scorer], found.train, found.labels, clip_protocol("1clip-center"))


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/few_shot.py")
