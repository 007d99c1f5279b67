"""`tsm-edge bench [BUNDLE]`: compare outputs, then time."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tsm_edge.errors import BundleMismatchError
    from tsm_edge.runtime.bench import BenchRecord
    from tsm_edge.targets import TargetSpec

__all__ = ["command"]


@click.command("bench", short_help="Time a bundle, engines side by side.")
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option("--target", help="Judge this target's promised latency instead of the bundle's own.")
@click.option(
    "--backend", "backends", multiple=True, help="Engine to time, repeatable: tvm, onnxruntime, torch."
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="The same for every engine; default: the bundle's."
)
@click.option(
    "--frames",
    "num_frames",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Frames that are timed.",
)
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Frames before them that are not.",
)
@click.option("--source", help="Take frames from a video and time its decoding too; default: seeded noise.")
@click.option(
    "--paced",
    "paced_fps",
    type=float,
    metavar="FPS",
    help="Feed frames at this rate, count deadlines missed.",
)
@click.option("--profile", is_flag=True, help="Time each kernel of the compiled engine.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), help="Write everything, samples included."
)
@click.option(
    "--plot", "plot_path", type=click.Path(path_type=Path), help="Draw latencies as a picture (.png)."
)
@click.option(
    "--check", is_flag=True, help="Exit 1 if the promised latency is missed, 3 if nothing can be said."
)
def command(
    bundle: Path | None,
    target: str | None,
    json_path: Path | None,
    plot_path: Path | None,
    check: bool,
    **options: Any,
) -> int:
    """Time BUNDLE's network on one or more engines; without one, the default model compiled for this machine.

    Outputs are compared with ONNX Runtime's first. A promised latency is judged on its own device only:
    --check exits with 0 for a pass, 1 for a fail, and 3 on another device or where no latency is promised.
    """
    from tsm_edge.bundle import Bundle
    from tsm_edge.cache import host_bundle
    from tsm_edge.errors import BundleMismatchError
    from tsm_edge.runtime.bench import BenchOptions, benchmark
    from tsm_edge.runtime.bench.plot import new_figure
    from tsm_edge.targets import parse_target

    called = shlex.join(["tsm-edge", *sys.argv[1:]])
    chosen = BenchOptions(target=parse_target(target) if target else None, command=called, **options)
    if plot_path:
        new_figure(plot_path)  # what cannot be drawn is told before the run, not after it
    opened = Bundle.open(bundle or host_bundle(_announce))
    try:
        record = benchmark(opened, chosen, announce=_announce)
    except BundleMismatchError as error:
        if not check:
            raise
        return _judge_unmeasured(chosen.target or opened.manifest.target, error)
    _show(record, json_path, plot_path)
    return record.verdict.exit_code if check else 0


def _show(record: "BenchRecord", json_path: Path | None, plot_path: Path | None) -> None:
    from rich.console import Console

    from tsm_edge.runtime.bench import write_record
    from tsm_edge.runtime.bench.plot import write_plot
    from tsm_edge.runtime.bench.tables import print_record

    print_record(record, Console())
    if json_path:
        write_record(record, json_path)
    if plot_path:
        write_plot(record, plot_path)


def _judge_unmeasured(target: "TargetSpec", error: "BundleMismatchError") -> int:
    """Nothing could run here, which on another device is no failure of the promise."""
    from tsm_edge.runtime.bench import judge
    from tsm_edge.runtime.device import recognise_device

    verdict = judge(target, recognise_device(), None, None)
    if verdict.status == "fail":  # the board itself: then the bundle is at fault, not the speed
        raise error
    _announce(str(error))
    click.echo(verdict.sentence)
    return verdict.exit_code


def _announce(text: str) -> None:
    click.echo(f"{text} ...", err=True)
