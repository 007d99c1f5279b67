"""`tsm-edge bench [BUNDLE]`: compare outputs, then time."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tsm_edge.cli.options import device_option
from tsm_edge.cli.remote_options import connect, remote_options

if TYPE_CHECKING:
    from tsm_edge.bundle import Bundle
    from tsm_edge.errors import BundleMismatchError
    from tsm_edge.runtime.bench import BenchOptions, BenchRecord
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
@device_option
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
@remote_options
@click.option(
    "--affinity", is_flag=True, help="With --ssh or --adb: keep the threads on the biggest processors."
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
    ssh: str | None,
    adb: str | None,
    affinity: bool,
    **options: Any,
) -> int:
    """Time BUNDLE's network on one or more engines; without one, the default model compiled for this machine.

    Outputs are compared with ONNX Runtime's first. With --ssh or --adb the bundle is pushed to another machine, whose
    own tsm-run compares and times it there, without Python. A promised latency is judged on its own device only:
    --check exits with 0 for a pass, 1 for a fail, and 3 on another device or where no latency is promised.
    """
    from tsm_edge.bundle import Bundle
    from tsm_edge.cache import host_bundle
    from tsm_edge.errors import BundleMismatchError, UsageError
    from tsm_edge.figures import new_figure
    from tsm_edge.runtime.bench import BenchOptions, benchmark
    from tsm_edge.targets import parse_target

    is_remote = ssh is not None or adb is not None
    if is_remote and bundle is None:
        raise UsageError("name the bundle that the other machine is to run: tsm-edge bench BUNDLE --ssh ...")
    if affinity and not is_remote:
        raise UsageError("--affinity goes with --ssh or --adb")
    # Whose machine it was is nobody's business in a record that is shown around.
    called = shlex.join(["tsm-edge", *(word.replace(ssh, "HOST") if ssh else word for word in sys.argv[1:])])
    chosen = BenchOptions(target=parse_target(target) if target else None, command=called, **options)
    if plot_path:
        new_figure(plot_path, "--plot")  # what cannot be drawn is told before the run, not after it
    opened = Bundle.open(bundle or host_bundle(_announce))
    try:
        if is_remote:
            record = _benchmark_remotely(opened, chosen, ssh, adb, affinity)
        else:
            record = benchmark(opened, chosen, announce=_announce)
    except BundleMismatchError as error:
        if is_remote or not check:
            raise
        return _judge_unmeasured(chosen.target or opened.manifest.target, error)
    _show(record, json_path, plot_path)
    return record.verdict.exit_code if check else 0


def _benchmark_remotely(
    bundle: "Bundle", options: "BenchOptions", ssh: str | None, adb: str | None, affinity: bool
) -> "BenchRecord":
    from tsm_edge.runtime.remote import benchmark_remotely

    with connect(ssh, adb) as connection:
        return benchmark_remotely(bundle, connection, options, affinity=affinity, announce=_announce)


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
