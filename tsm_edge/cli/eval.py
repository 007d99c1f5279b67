"""`tsm-edge eval MODEL... DATA`: how much is recognised."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tsm_edge.evaluation import Candidate, Split
    from tsm_edge.export.evaluation import ClipEvaluation, StreamEvaluation
    from tsm_edge.specs import FlowMethod

__all__ = ["command"]

PATH = click.Path(path_type=Path)
PROTOCOLS = ("1clip-center", "2clip-full", "10clip-3crop", "stream")
HELP = """\b
Protocols: 1clip-center, one clip of evenly spread frames, its middle; 2clip-full, two clips and three crops of full
resolution (Something-Something); 10clip-3crop, ten dense clips and three crops (Kinetics); stream, frame by frame
with smoothing: events, delays and false events on videos with a csv of `start_s;end_s;label` each, or on the
data's clips one after another.
"""


@click.command("eval", short_help="Measure how much a network recognises.", epilog=HELP)
@click.argument("models", nargs=-1, required=True, metavar="MODEL-OR-BUNDLE...")
@click.argument("data", type=PATH)
@click.option("--protocol", type=click.Choice(PROTOCOLS), default="1clip-center", show_default=True)
@click.option(
    "--frames",
    "num_segments",
    type=click.IntRange(1, 64),
    multiple=True,
    help="Frames of a clip seen at once; once for all models, or once for each.  [default: as each says]",
)
@click.option(
    "--weight",
    "weights",
    type=click.FloatRange(0, min_open=True),
    multiple=True,
    metavar="W",
    help="A model's weight in the average; once for each.  [default: equal]",
)
@click.option(
    "--groups",
    type=PATH,
    metavar="CSV",
    help="What classes have in common, such as verbs: action_cls,verb_cls,... by label.",
)
@click.option(
    "--flow-method",
    type=click.Choice(["dis", "tvl1"]),
    help="For models on optical flow.  [default: what each learned with]",
)
@click.option(
    "--split",
    type=click.Choice(["auto", "train", "validation", "all"]),
    default="auto",
    show_default=True,
    help="Part of the data; auto: validation where there is one.",
)
@click.option(
    "--fps",
    multiple=True,
    type=click.FloatRange(0, min_open=True),
    help="stream: thin to this rate; repeatable.",
)
@click.option(
    "--drop",
    multiple=True,
    type=click.FloatRange(0, 0.99),
    help="stream: lose that part of frames; repeatable.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="stream: order of clips, lost frames.")
@click.option("--backend", default="tvm", show_default=True, help="For bundles: tvm, onnxruntime or torch.")
@click.option("--threads", type=click.IntRange(min=1), help="Default: as bundles say, else the engine's.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="Processes that read clips."
)
@click.option("--strict", is_flag=True, help="Stop at clips that cannot be used instead of skipping them.")
@click.option("--confusion", "plot_path", type=PATH, metavar="FILE", help="Draw the confusion matrix (.png).")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    models: tuple[str, ...],
    data: Path,
    protocol: str,
    num_segments: tuple[int, ...],
    weights: tuple[float, ...],
    groups: Path | None,
    flow_method: "FlowMethod | None",
    split: "Split",
    fps: tuple[float, ...],
    drop: tuple[float, ...],
    seed: int,
    backend: str,
    threads: int | None,
    device: str,
    workers: int,
    strict: bool,
    plot_path: Path | None,
    as_json: bool,
) -> None:
    """Evaluate bundles, ONNX files or checkpoints on DATA's clips or streams; `default` is the model that is shipped.

    Several models are an ensemble: their probabilities are averaged. One on RGB and one on optical flow (`train
    --modality flow`) are the two streams of a clip.
    """
    from tsm_edge.errors import UsageError
    from tsm_edge.evaluation import evaluate, evaluate_stream, host_half, open_candidate

    if protocol == "stream" and (len(models) > 1 or plot_path):
        raise UsageError("the stream protocol takes one model and draws no confusion matrix")
    if protocol == "stream" and (weights or groups):
        raise UsageError("--weight and --groups belong to clips, not to --protocol stream")
    if protocol != "stream" and (fps or drop):
        raise UsageError("--fps and --drop belong to --protocol stream")
    if plot_path:
        with host_half():
            from tsm_edge.figures import new_figure
        new_figure(plot_path, "--confusion")  # what cannot be drawn is told before the run, not after it
    opened = [
        open_candidate(path, backend=backend, threads=threads, device=device, flow_method=flow_method)
        for path in models
    ]
    if protocol == "stream":
        with _progress("frames") as (_, advance):
            streamed = evaluate_stream(
                opened[0],
                data,
                _conditions(fps, drop),
                split=split,
                strict=strict,
                seed=seed,
                on_frame=advance,
            )
        _print_json(streamed) if as_json else _show_stream(streamed, opened[0])
        return
    with _progress("clips") as (count, advance):
        result, found = evaluate(
            opened,
            data,
            protocol=protocol,
            num_segments=num_segments,
            weights=weights,
            groups=groups,
            split=split,
            strict=strict,
            workers=workers,
            on_count=count,
            on_clip=advance,
        )
    skipped = [problem.sentence for problem in found.problems]
    if plot_path:
        from tsm_edge.export.evaluation import write_confusion_plot

        write_confusion_plot(result, plot_path)
    if as_json:
        _print_json({"result": result, "skipped": skipped})
    else:
        _show(result, skipped, is_all=not found.validation and split == "auto", plot_path=plot_path)


def _conditions(fps: tuple[float, ...], drop: tuple[float, ...]) -> Any:
    from tsm_edge.evaluation import host_half

    with host_half():
        from tsm_edge.export.evaluation import StreamCondition
    return [StreamCondition(fps=rate, drop=part) for rate in fps or (None,) for part in drop or (0.0,)]


@contextmanager
def _progress(what: str) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """A bar on stderr; nothing is left of it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield (
            lambda total: progress.reset(task, total=total),
            lambda steps: progress.update(task, advance=steps),
        )


def _print_json(report: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())


def _show(result: "ClipEvaluation", skipped: list[str], *, is_all: bool, plot_path: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("class")
    for name in ("clips", "recall", "precision"):
        table.add_column(name, justify="right")
    table.add_column("others taken for")
    for each in result.classes:
        table.add_row(
            each.label, str(each.num_clips), _part(each.recall), _part(each.precision), each.taken_for
        )
    Console(markup=False, highlight=False).print(table)
    note = f" ({result.weights_note})" if result.weights_note else ""
    click.echo(f"\nmodel     {' + '.join(result.models)}{note}")
    click.echo(f"protocol  {result.protocol}, {', '.join(map(str, result.num_segments))} frames")
    for member in result.members:
        click.echo(
            f"alone     {member.model}: {member.modality}, weight {member.weight:.2f}, "
            f"top-1 {member.top1:.1%}, top-5 {member.top5:.1%}"
        )
    click.echo(f"top-1     {result.top1:.1%} of {result.num_clips} clips")
    click.echo(f"top-5     {result.top5:.1%}")
    for group in result.groups:
        click.echo(
            f"{group.name:<9} top-1 {group.top1:.1%}, top-5 {group.top5:.1%} of {group.num_groups} groups of classes"
        )
    if is_all:
        click.echo("note      all clips of the data; those that the network learned from say little")
    if plot_path:
        click.echo(f"drawn     {plot_path}")
    for sentence in skipped:
        click.echo(f"skipped   {sentence}")


def _show_stream(result: "StreamEvaluation", candidate: "Candidate") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    names = (
        "frames/s",
        "lost",
        "frames",
        "events",
        "announced",
        "precision",
        "recall",
        "delay s",
        "false/hour",
    )
    for name in names:
        table.add_column(name, justify="right")
    for each in result.results:
        delay = "" if each.median_delay_s is None else f"{each.median_delay_s:+.2f}"
        table.add_row(
            "own" if each.fps is None else f"{each.fps:g}",
            f"{each.drop:.0%}",
            str(each.frames),
            str(each.happened),
            str(each.announced),
            _part(each.precision),
            _part(each.recall),
            delay,
            f"{each.false_per_hour:.1f}",
        )
    Console(markup=False, highlight=False).print(table)
    note = f" ({result.weights_note})" if result.weights_note else ""
    click.echo(f"\nmodel     {result.model}{note}")
    click.echo(f"streams   {', '.join(result.streams)}; {result.duration_s / 60:.1f} minutes")
    if result.never_shown:
        click.echo(f"hidden    by the model's smoothing, not asked for: {', '.join(result.never_shown)}")
    if not candidate.spec.smoothing.background:
        click.echo("note      the model has no class for nothing: every change of label is announced")


def _part(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
