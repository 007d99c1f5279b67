"""Train on made gestures: `python -m tsm_edge.export.training.gestures --output model.safetensors`."""

import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import click
import torch

from tsm_edge.cli.exits import add_verbose_option, run_and_exit
from tsm_edge.errors import UsageError
from tsm_edge.export.checkpoint import save_checkpoint
from tsm_edge.export.data.gestures import CORE_LABELS, GESTURE_LABELS, GestureGenerator
from tsm_edge.export.data.gestures.footage import load_footage
from tsm_edge.export.data.gestures.pictures import load_pictures, read_pictures
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.training.gestures.keras_weights import load_keras_mobilenet, read_keras_arrays
from tsm_edge.export.training.gestures.plan import Plan
from tsm_edge.export.training.gestures.recipe import GestureTraining, Progress
from tsm_edge.export.training.gestures.scores import score
from tsm_edge.export.training.gestures.streaming import for_streams
from tsm_edge.export.training.initial_weights import initial_model
from tsm_edge.export.training.memory import keep_freed_memory
from tsm_edge.export.training.training_checkpoint import (
    checkpoint_path,
    read_training_checkpoint,
    write_training_checkpoint,
)
from tsm_edge.specs import ShiftMode

_PLAN = Plan()


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Such as model.safetensors.",
)
@click.option("--init", help="A checkpoint or a Keras MobileNetV2 (.h5); by default random weights.")
@click.option(
    "--clips", type=click.IntRange(1), default=_PLAN.clips, show_default=True, help="Made clips in all."
)
@click.option("--batch-size", type=click.IntRange(2), default=_PLAN.batch_size, show_default=True)
@click.option("--size", type=int, default=_PLAN.size, show_default=True, help="Pixels of a frame.")
@click.option("--lr", type=float, default=_PLAN.lr, show_default=True)
@click.option(
    "--lr-minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Learn for so long, in the place of --clips: the learning rate falls with the clock.",
)
@click.option("--dense-weight", type=float, default=_PLAN.dense_weight, show_default=True)
@click.option(
    "--background-weight", type=float, default=_PLAN.background_weight, show_default=True,
    help="Against gestures where a stream shows none.",
)  # fmt: skip
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(GESTURE_LABELS[len(CORE_LABELS) :]),
    help="A gesture that is no class: its clips are other things.",
)
@click.option(
    "--coarse-share",
    type=float,
    default=_PLAN.coarse_share,
    show_default=True,
    help="Steps of frames made at 112 pixels and enlarged.",
)
@click.option(
    "--freeze",
    type=click.IntRange(0, 18),
    default=_PLAN.frozen_layers,
    show_default=True,
    help="Layers in front that stay.",
)
@click.option(
    "--freeze-norms",
    is_flag=True,
    help="Batch norms keep their statistics; faster, and --init must be trained.",
)
@click.option("--bfloat16", is_flag=True, help="Faster on processors with AVX512_BF16; a GPU always does it.")
@click.option("--stream-share", type=float, default=_PLAN.stream_share, show_default=True)
@click.option(
    "--photometry",
    type=click.FloatRange(0, 1),
    default=_PLAN.photometry,
    show_default=True,
    help="Clips in other colours and tones than cameras give.",
)
@click.option(
    "--ema",
    type=click.FloatRange(0, 1),
    default=_PLAN.ema_decay,
    show_default=True,
    help="Decay of the average of weights that is kept; less for runs of few steps.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--mode", type=click.Choice(["online", "offline", "none"]), default="online", show_default=True)
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--minutes", type=float, help="Stop after so long; the same command goes on later.")
@click.option(
    "--pictures", type=click.Path(path_type=Path, exists=True), help="Photographs saved on another machine."
)
@click.option(
    "--rooms",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of photographs to see behind people, beside those of packages.",
)
@click.option(
    "--negatives",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of videos and photographs in which nobody makes a gesture: none may be seen in them.",
)
@click.option(
    "--score-clips",
    type=click.IntRange(0),
    default=1024,
    show_default=True,
    help="Clips of the world held-out.",
)
def main(
    output: Path, init: str | None, clips: int, batch_size: int, size: int, lr: float,
    lr_minutes: float | None, dense_weight: float,
    background_weight: float, without: tuple[str, ...], coarse_share: float, freeze: int, freeze_norms: bool,
    bfloat16: bool, stream_share: float, photometry: float, ema: float, seed: int, mode: ShiftMode, device: str,
    minutes: float | None, pictures: Path | None, rooms: tuple[Path, ...], negatives: Path | None,
    score_clips: int,
) -> None:  # fmt: skip
    """Train on made gesture clips and score on made clips of another world."""
    began = time.monotonic()
    plan = replace(
        _PLAN, clips=clips, batch_size=batch_size, size=size, lr=lr, lr_minutes=lr_minutes,
        dense_weight=dense_weight,
        background_weight=background_weight, frozen_layers=freeze, freeze_norms=freeze_norms, bfloat16=bfloat16,
        coarse_share=coarse_share, stream_share=stream_share, photometry=photometry,
        ema_decay=ema, seed=seed,
    )  # fmt: skip
    found = (read_pictures(pictures) if pictures else load_pictures()).with_own(rooms)
    labels = tuple(label for label in GESTURE_LABELS if label not in without)
    model = _model(init, labels, size, mode, seed)
    where = _device(device)
    if where.type == "cpu":
        keep_freed_memory()
    footage = load_footage(negatives) if negatives else None
    training = GestureTraining(model, plan, where, found, footage=footage)
    kept = checkpoint_path(output)
    if kept.is_file():
        training.load_state_dict(read_training_checkpoint(kept))
        click.echo(f"going on at step {training.step} of {plan.steps}")
    until = began + 60 * minutes if minutes else None
    done = training.run(_say, every=max(1, min(200, plan.steps // 20)), until=until)
    write_training_checkpoint(training.state_dict(), kept)
    model.backbone.load_state_dict(training.averaged())
    save_checkpoint(model.eval(), output)
    click.echo(f"{'done' if done else 'stopped; the same command goes on'}: {output}")
    if score_clips:
        generator = GestureGenerator("held-out", seed=99, size=size, device=where, pictures=found)
        click.echo(json.dumps({"step": training.step, **asdict(score(model, generator, score_clips))}))


def _model(init: str | None, labels: tuple[str, ...], size: int, mode: ShiftMode, seed: int) -> ClipModel:
    keras = init is not None and init.endswith((".h5", ".hdf5", ".keras"))
    start = "random" if keras or init is None else init
    model, _ = initial_model(
        start,
        labels,
        name="mobilenetv2-gestures",
        model="mobilenetv2",
        image_size=size,
        mode=mode,
        seed=seed,
    )
    # Hands come to a frame's borders: show its whole height, not seven eighths.
    preprocess = replace(model.spec.preprocess, resize_short_side=size)
    model.spec = for_streams(replace(model.spec, preprocess=preprocess))
    if keras:
        arrays = read_keras_arrays(Path(str(init)))
        load_keras_mobilenet(model.backbone, arrays, preprocess.mean, preprocess.std)
    return model


def _device(name: str) -> torch.device:
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("torch sees no GPU here; give --device cpu")
    torch.backends.cudnn.benchmark = True  # sizes never change
    return torch.device(name)


def _say(progress: Progress) -> None:
    click.echo(
        f"step {progress.step}, {progress.clips} clips, {progress.seconds:.0f} s ({progress.clips_per_s:.0f} clips/s): "
        f"loss {progress.loss:.3f}, right {progress.accuracy:.3f}, centre {progress.centre_error:.3f}"
    )


if __name__ == "__main__":
    add_verbose_option(main)
    run_and_exit(main, None, "python -m tsm_edge.export.training.gestures")
