"""`tsm-edge tune [BUNDLE-OR-MODEL]`: measure other tiles than the rules', keep the faster ones for `compile`."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tsm_edge.bundle import Bundle
    from tsm_edge.export import ClipModel, TuningReport
    from tsm_edge.export.tuning.search import LayerResult

__all__ = ["command"]


@click.command("tune", short_help="Measure kernels' tiles; compile picks up what is faster.")
@click.argument("source", metavar="[BUNDLE-OR-MODEL]", required=False)
@click.option(
    "--target",
    required=True,
    metavar="T",
    help="A name that `tsm-edge targets` lists, or TVM target JSON.",
)
@click.option(
    "--trials",
    metavar="N",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Candidates to measure in all; layers share them by their work.",
)
@click.option(
    "--tracker", metavar="HOST:PORT", help="Measure on boards that this TVM RPC tracker lists, not here."
)
@click.option("--key", metavar="K", help="What the boards' RPC servers were started with.")
@click.option(
    "--database",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where results are kept  [default: the user's data folder, by target]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(
    source: str | None,
    target: str,
    trials: int,
    tracker: str | None,
    key: str | None,
    database: Path | None,
    as_json: bool,
) -> None:
    """Measure the kernels of a network with other tile sizes than the rules choose, and keep what is faster.

    The network is that of a bundle or of a model that `tsm-edge export --help` names; by default it is the default
    model. Results are kept layer by layer: stopping loses nothing but the layer that is being measured.
    `tsm-edge compile` uses them by itself.
    """
    from tsm_edge.targets import parse_target

    where = parse_target(target)
    from tsm_edge.export import tune_network

    opened = _open(source)
    results: list[LayerResult] = []
    try:
        with _progress(trials) as (announce, on_trials):
            report = tune_network(
                opened,
                where,
                trials=trials,
                database=database,
                tracker=tracker,
                key=key,
                command=shlex.join(["tsm-edge", *sys.argv[1:]]),
                announce=announce,
                on_trials=on_trials,
                on_layer=results.append,
            )
    except BaseException:
        if results and not as_json:
            _show(results)
        raise
    _print_json(report) if as_json else _show_report(report)


def _open(source: str | None) -> "ClipModel | Bundle":
    from tsm_edge.bundle import Bundle
    from tsm_edge.export import open_model

    if source and Path(source).is_dir():
        return Bundle.open(Path(source))
    return open_model(source, None, None)


@contextmanager
def _progress(trials: int) -> Iterator[tuple[Callable[[str], None], Callable[[str, int], None]]]:
    """A bar on stderr that names the layer; nothing is left of it but what was announced."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("read the network", total=trials)
        yield (
            lambda text: click.echo(text, err=True),
            lambda layer, count: progress.update(task, description=layer, advance=count),
        )


def _print_json(report: "TuningReport") -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(report, enc_hook=str), indent=2).decode())


def _show_report(report: "TuningReport") -> None:
    _show(report.layers)
    trials, better = (
        sum(layer.trials for layer in report.layers),
        sum(layer.gain > 0 for layer in report.layers),
    )
    click.echo(
        f"measured {trials} other tiles on {report.device}; {better} of {len(report.layers)} layers gain"
    )
    click.echo(f"kept in  {report.database}; `tsm-edge compile` uses it")


def _show(layers: "Sequence[LayerResult]") -> None:
    """One row a kind of layer; times are of one call on one thread."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column("layer")
    for name in ("calls", "rule's tiles", "ms", "best tiles", "ms", "gain"):
        table.add_column(name, justify="right")
    for layer in layers:
        rule, best = " ".join(layer.rule_tiles), " ".join(layer.tiles)
        gain = f"{layer.gain:.1%}" if layer.gain else ""
        changed = (best, f"{layer.tuned_ms:.4f}") if layer.gain else ("", "")
        table.add_row(layer.layer, str(layer.count), rule, f"{layer.rule_ms:.4f}", *changed, gain)
    Console().print(table)
