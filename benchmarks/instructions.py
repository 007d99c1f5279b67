"""How many instructions does one frame execute on an ARM processor, and how many of them are multiply-adds?

    python benchmarks/instructions.py [--bundle DIR] [--frames N] [--peers] [--results DIR]
    python benchmarks/instructions.py --budget

The bundle's `tsm-run` replays its golden stream under qemu, once with one frame and once with N more; the
difference is what N frames execute, from uint8 pixels to logits. Emulated: a count, no time. `--peers` counts
ncnn and ONNX Runtime as well, on the bundle's ONNX file (`pip install 'tsm-edge[peers]'`; see arm_root.py).
`--budget` counts the default model's frame on jetson-nano-cpu and writes the number that the tests hold it to: run
it and commit the file where kernels have become leaner, or dearer for a reason.
"""

from contextlib import ExitStack
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from arm_root import ENGINES
from instruction_peers import counted_peers
from instruction_plugin import PROCESSOR, built_plugin, count_instructions, emulator_version
from instruction_record import InstructionRecord
from record_files import write_record
from result_files import RESULTS, announce, called

from tsm_edge.bundle import RUN_TOOL, Bundle
from tsm_edge.cli.exits import run_and_exit
from tsm_edge.environment import package_versions
from tsm_edge.errors import UsageError
from tsm_edge.manifest import MANIFEST_NAME
from tsm_edge.runtime.bench.provenance import checkout_commit
from tsm_edge.targets import TARGETS

TARGET = "jetson-nano-cpu"
BUDGET_TARGET = TARGET
BUDGET = "instruction-budget.json"


@click.command()
@click.option(
    "--bundle", type=click.Path(path_type=Path), help=f"Default: the default model compiled for {TARGET}."
)
@click.option("--frames", type=click.IntRange(min=1), default=4, show_default=True, help="Frames counted.")
@click.option("--peers", is_flag=True, help="Count ncnn and ONNX Runtime for ARM as well.")
@click.option("--budget", is_flag=True, help=f"Renew {BUDGET}, what the tests allow a frame.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the file goes.")
def main(bundle: Path | None, frames: int, peers: bool, budget: bool, results: Path) -> None:
    """Count one frame's instructions under emulation."""
    if budget and (bundle or peers):
        raise UsageError("--budget is of the default model alone; leave out --bundle and --peers")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        path = budget_bundle(folder) if budget else bundle or _compiled(folder)
        record = measure(Bundle.open(path), frames, peers=peers)
    name = f"instructions-{record.model}-{record.precision}-{record.target}-emulated.json"
    name = BUDGET if budget else name
    write_record(record, results / name)
    announce(f"wrote {results / name}")


def measure(bundle: Bundle, frames: int, *, peers: bool = False) -> InstructionRecord:
    """Count what `frames` frames execute after the first one, in the bundle and, if asked, in `peers`.

    Raises:
        UsageError: The bundle is for another architecture.
        MissingDependencyError: No qemu with plugins.
        TsmEdgeError: The replay failed.
    """
    manifest = bundle.manifest
    if manifest.target.architecture != "aarch64":
        raise UsageError(f"{bundle.path} is for {manifest.target.name}; give a bundle for 64-bit ARM")
    return InstructionRecord(
        started_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        commit=checkout_commit(),
        command=called(__file__),
        versions=_versions(peers),
        bundle_sha256=sha256((bundle.path / MANIFEST_NAME).read_bytes()).hexdigest(),
        model=manifest.model.name,
        target=manifest.target.name,
        precision=manifest.precision,
        processor=PROCESSOR,
        num_frames=frames,
        per_frame=_per_frame(bundle, frames),
        peers=_peers(bundle, frames) if peers else {},
    )


def _versions(peers: bool) -> dict[str, str]:
    others = {name: version(name) for name in ENGINES} if peers else {}
    return package_versions() | others | {"qemu": emulator_version()}


def _peers(bundle: Bundle, frames: int) -> dict[str, dict[str, float]]:
    announce(f"counting {frames} frames of {' and '.join(ENGINES)} under qemu")
    return counted_peers(bundle, frames, built_plugin())


def _per_frame(bundle: Bundle, frames: int) -> dict[str, float]:
    announce(f"counting {frames} frames under qemu")
    plugin = built_plugin()
    # One thread: nobody waits at a barrier, and each instruction is there because of the network.
    replay = [bundle.path / RUN_TOOL, bundle.path, "--threads", "1", "--frames"]
    short, long = (count_instructions([*replay, str(count)], plugin) for count in (1, 1 + frames))
    return {name: (long[name] - short[name]) / frames for name in long}


def budget_bundle(folder: Path) -> Path:
    """The bundle that the budget is of, compiled into `folder`: by rules alone, the same for everyone."""
    return _compiled(folder, BUDGET_TARGET, tuned=False)


def _compiled(folder: Path, target: str = TARGET, *, tuned: bool = True) -> Path:
    from tsm_edge.export import compile_bundle, default_model

    announce(f"compiling the default model for {target}")
    compile_bundle(default_model(), TARGETS[target], folder / target, tuned=tuned)
    return folder / target


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/instructions.py")
