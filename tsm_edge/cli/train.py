"""`tsm-edge train DATA`: a model of one's own clips."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from tsm_edge.export.training import Listener, TrainingReport

__all__ = ["command"]

PATH = click.Path(path_type=Path)
DATA = """\b
DATA is one of: a folder with a folder per class, holding clips or folders of frames; Jester's or
Something-Something's lists beside their clips; a list file with lines `path num_frames label`.
With several processes: torchrun --nproc-per-node 2 --no-python tsm-edge train ...
"""


@click.command("train", short_help="Train a network on labelled clips.", epilog=DATA)
@click.argument("data", type=PATH)
@click.option("--output", required=True, type=PATH, metavar="FILE", help="The model, a .safetensors file.")
@click.option("--init", metavar="NAME-OR-FILE", help="Start from default, imagenet, random, or a checkpoint.")
@click.option("--model", metavar="NAME", help="Network, see `tsm-edge export --help`.")
@click.option("--epochs", type=int, help="Passes over the clips  [default: 30; 4 with --freeze-backbone]")
@click.option("--batch-size", type=int, default=8, show_default=True, help="Clips a step and process.")
@click.option("--lr", type=float, help="Largest learning rate  [default: 0.0005; 0.005 for sgd]")
@click.option("--optimizer", type=click.Choice(["adamw", "sgd"]), default="adamw", show_default=True)
@click.option(
    "--frames", "num_segments", type=int, default=8, show_default=True, help="Frames of a clip seen at once."
)
@click.option(
    "--size",
    "image_size",
    type=int,
    default=224,
    show_default=True,
    help="Height and width of a frame, a multiple of 16.",
)
@click.option(
    "--sampling",
    type=click.Choice(["uniform", "dense"]),
    default="uniform",
    show_default=True,
    help="Frames from all of a clip, or from 64 in a row.",
)
@click.option("--offline", is_flag=True, help="Bi-directional shift, for whole clips instead of streams.")
@click.option(
    "--modality",
    type=click.Choice(["rgb", "flow"]),
    default="rgb",
    show_default=True,
    help="flow: the second stream of whole clips, for `eval` beside a network on RGB.",
)
@click.option(
    "--flow-method",
    type=click.Choice(["dis", "tvl1"]),
    default="dis",
    show_default=True,
    help="tvl1 needs opencv-contrib-python.",
)
@click.option("--freeze-backbone", is_flag=True, help="Fit the classifier alone: for few clips, in minutes.")
@click.option(
    "--freeze-norms/--learn-norms",
    default=None,
    help="Statistics of batch norms  [default: frozen for fewer than 1000 clips]",
)
@click.option("--flip", is_flag=True, help="Mirror clips at random; left and right swap labels with it.")
@click.option(
    "--colour-jitter", type=float, default=0.2, show_default=True, help="Strength; 0 leaves colours alone."
)
@click.option("--label-smoothing", type=float, default=0.1, show_default=True)
@click.option("--dropout", type=float, default=0.5, show_default=True, help="In front of the classifier.")
@click.option(
    "--ema",
    "ema_decay",
    type=float,
    default=0.998,
    show_default=True,
    help="Decay of the averaged weights; 0 keeps the last ones.",
)
@click.option(
    "--validation",
    "validation_fraction",
    type=float,
    default=0.2,
    show_default=True,
    help="Part of each class to put aside where the data names none.",
)
@click.option(
    "--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), default="auto", show_default=True
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--workers", type=int, help="Processes that read clips  [default: by device and cores]")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on where a stopped run for this output was.")
@click.option("--strict", is_flag=True, help="Stop at clips that cannot be used instead of skipping them.")
@click.option(
    "--cache",
    "cache_gib",
    type=float,
    default=8.0,
    show_default=True,
    metavar="GIB",
    help="Keep decoded videos, or flow, if they take no more.",
)
@click.option("--log-dir", type=PATH, metavar="DIR", help="Write TensorBoard's logs there.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    data: Path,
    output: Path,
    init: str | None,
    model: str | None,
    device: str,
    resume: bool,
    strict: bool,
    cache_gib: float,
    log_dir: Path | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train an online network on DATA's clips and write it, with its labels, for `compile --checkpoint`.

    A checkpoint beside the output keeps every epoch: a run that was stopped goes on with --resume.
    """
    from tsm_edge.export import TrainingOptions, train

    options = TrainingOptions(**settings)
    with _listener(log_dir) as listener:
        report = train(
            data,
            output,
            options,
            init=init,
            model=model,
            device=device,
            resume=resume,
            strict=strict,
            cache_gib=cache_gib,
            listener=listener,
        )
    if not _is_main():
        return
    _print_json(report) if as_json else _show(report)


def _is_main() -> bool:
    """Whether this is the process that speaks; torchrun numbers them."""
    import os

    return os.environ.get("RANK", "0") == "0"


@contextmanager
def _listener(log_dir: Path | None) -> Iterator["Listener"]:
    """A bar and a line an epoch on stderr, and TensorBoard's files if asked for."""
    from contextlib import ExitStack

    from tsm_edge.cli.training_progress import Progress
    from tsm_edge.export.training.tensorboard import TensorBoard

    with ExitStack() as opened:
        if not _is_main():
            from tsm_edge.export.training import Listener

            yield Listener()
            return
        progress = opened.enter_context(Progress())
        if log_dir is not None:
            yield opened.enter_context(TensorBoard(log_dir, progress))
        else:
            yield cast("Listener", progress)


def _print_json(report: "TrainingReport") -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(report, enc_hook=str), indent=2).decode())


def _show(report: "TrainingReport") -> None:
    found = report.validation_accuracy
    rows = {
        "written": f"{report.output} ({report.output.stat().st_size / 1e6:.1f} MB)",
        "classes": ", ".join(report.labels),
        "clips": f"{report.num_train} learned, {report.num_validation} put aside; {report.layout}",
        "start": report.start,
        "right": f"{found:.1%} of the clips put aside" if found is not None else "no clips were put aside",
        "seconds": f"{report.seconds:.0f}"
        + (f", after {report.resumed_at} epochs before" if report.resumed_at else ""),
    }
    for label, text in rows.items():
        click.echo(f"{label:<9}{text}")
    for problem in report.problems:
        click.echo(f"skipped  {problem}")
    if report.modality == "flow":
        click.echo(f"next     tsm-edge eval RGB.safetensors {report.output} DATA")
    else:
        click.echo(f"next     tsm-edge compile --target host --checkpoint {report.output}")
