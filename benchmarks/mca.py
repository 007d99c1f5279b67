"""How close do the inner loops come to the multiply-adds alone, on cores that are not here?

    python benchmarks/mca.py [--bundle DIR ...] [--results DIR]

qemu runs one frame of a bundle's `tsm-run`, linked again with symbols, and counts how often each stretch of code
runs. llvm-mca simulates the stretches that make 99 % of the kernels' instructions on a model of the bundle's core.
Their cycles, weighted by the counts, stand against a floor: their vector multiply-adds at the rate at which the same
simulator runs independent ones. **Simulated**: ports and latencies, every load from the first cache, no memory.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from hot_stretches import Stretch, hottest, stretches_of
from instruction_plugin import HOT_CODE, built_plugin, emulator_version, executed_blocks
from llvm_mca import cycles_of, disassembled, fmla_per_cycle, llvm_version
from mca_record import KernelCycles, McaRecord
from record_files import write_record
from result_files import RESULTS, announce, called

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.cli.exits import run_and_exit
from tsm_edge.environment import package_versions
from tsm_edge.errors import UsageError
from tsm_edge.manifest import MANIFEST_NAME
from tsm_edge.runtime.bench.provenance import checkout_commit
from tsm_edge.targets import TARGETS

# Cortex-A57, Cortex-A73 and Exynos M3.
DEFAULT_TARGETS = ("jetson-nano", "galaxy-note8-snapdragon", "galaxy-note8-exynos")
# The rest is entries, exits and borders that run seldom.
SHARE = 0.99


@click.command()
@click.option(
    "--bundle",
    "bundles",
    type=click.Path(path_type=Path),
    multiple=True,
    help=f"Repeatable. Default: the default model compiled for {', '.join(DEFAULT_TARGETS)}.",
)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the files go.")
def main(bundles: tuple[Path, ...], results: Path) -> None:
    """Simulate one frame's inner loops on the bundles' cores."""
    with ExitStack() as stack:
        paths = bundles or _compiled(Path(stack.enter_context(TemporaryDirectory())))
        for path in paths:
            record = measure(Bundle.open(path))
            name = f"mca-{record.model}-{record.precision}-{record.target}-simulated.json"
            write_record(record, results / name)
            announce(f"wrote {results / name}: {record.ratio:.2f} of the floor")


def measure(bundle: Bundle) -> McaRecord:
    """Simulate the stretches that make most of one frame.

    Raises:
        UsageError: The bundle is for another architecture.
        MissingDependencyError: qemu with plugins or LLVM's tools are missing.
        TsmEdgeError: The replay or a tool failed.
    """
    manifest = bundle.manifest
    if manifest.target.architecture != "aarch64":
        raise UsageError(f"{bundle.path} is for {manifest.target.name}; give a bundle for 64-bit ARM")
    processor = manifest.target.cpu
    peak = fmla_per_cycle(processor)
    return McaRecord(
        started_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        commit=checkout_commit(),
        command=called(__file__),
        versions=package_versions() | {"qemu": emulator_version(), "llvm-mca": llvm_version()},
        bundle_sha256=sha256((bundle.path / MANIFEST_NAME).read_bytes()).hexdigest(),
        model=manifest.model.name,
        target=manifest.target.name,
        precision=manifest.precision,
        processor=processor,
        fmla_per_cycle=peak,
        kernels=simulated(_executed_stretches(bundle), processor, peak),
    )


def simulated(stretches: Sequence[Stretch], processor: str, peak: float) -> tuple[KernelCycles, ...]:
    """Cycles of each function's hot stretches, the function with most cycles first.

    Args:
        stretches: All that one frame executes in kernels.
        processor: The core in LLVM's words.
        peak: Its vector multiply-adds a cycle.
    """
    hot = hottest(stretches, SHARE)
    texts = disassembled(word for stretch in hot for word in stretch.words)
    cycles = cycles_of(["\n".join(texts[word] for word in stretch.words) for stretch in hot], processor)
    kernels = [
        _kernel(
            name,
            stretches,
            [pair for pair in zip(hot, cycles, strict=True) if pair[0].function == name],
            peak,
        )
        for name in dict.fromkeys(stretch.function for stretch in hot)
    ]
    return tuple(sorted(kernels, key=lambda kernel: -kernel.cycles))


def _kernel(
    name: str, stretches: Iterable[Stretch], hot: Sequence[tuple[Stretch, float]], peak: float
) -> KernelCycles:
    instructions = sum(stretch.instructions for stretch in stretches if stretch.function == name)
    fmla = sum(stretch.vector_fmla for stretch, _ in hot)
    return KernelCycles(
        name=name,
        instructions=instructions,
        covered=sum(stretch.instructions for stretch, _ in hot) / instructions,
        vector_fmla=fmla,
        cycles=sum(stretch.executions * cycles for stretch, cycles in hot),
        floor_cycles=fmla / peak,
    )


def _executed_stretches(bundle: Bundle) -> list[Stretch]:
    announce(f"running one frame for {bundle.manifest.target.name} under qemu")
    names = {record.name for record in bundle.manifest.kernels}
    with TemporaryDirectory() as folder:
        tool = _tool_with_symbols(bundle, Path(folder))
        command = [tool, bundle.path, "--threads", "1", "--frames", "1"]
        blocks = executed_blocks(command, built_plugin(source=HOT_CODE))
    return stretches_of(block for block in blocks if block.function in names)


def _tool_with_symbols(bundle: Bundle, folder: Path) -> Path:
    """The bundle's `tsm-run` once more, compiled from its ONNX file as `compile_bundle` does, with symbols."""
    from tsm_edge.export.codegen import write_object
    from tsm_edge.export.driver_source import plan_source
    from tsm_edge.export.fusion import fuse_layers
    from tsm_edge.export.link import link_run_tool
    from tsm_edge.export.plan import plan_network
    from tsm_edge.export.relax_graph import read_graph
    from tsm_edge.export.relax_import import import_relax

    target = bundle.manifest.target
    plan = plan_network(fuse_layers(read_graph(import_relax(bundle.file(ONNX_MODEL)))), target)
    source, kernels, tool = folder / "plan.c", folder / "kernels.o", folder / "tsm-run"
    source.write_text(plan_source(plan, bundle.manifest.model, target, 1))
    write_object(plan.kernels, target, kernels)
    link_run_tool(source, kernels, target, tool, symbols=True, alone=True)
    return tool


def _compiled(folder: Path) -> list[Path]:
    from tsm_edge.export import compile_bundle, default_model

    model = default_model()
    for name in DEFAULT_TARGETS:
        announce(f"compiling the default model for {name}")
        compile_bundle(model, TARGETS[name], folder / name)
    return [folder / name for name in DEFAULT_TARGETS]


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/mca.py")
