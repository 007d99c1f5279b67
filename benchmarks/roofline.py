"""What should a frame take on a GPU that is not here?

    python benchmarks/roofline.py [--model NAME] [--image-size N] [--gpu NAME] [--precision P ...] [--results DIR]

Every launch of the plan is compiled to machine code; registers and shared memory come from ptxas, instructions from
nvdisasm. A launch's time is the larger of two: what the slowest part of the multiprocessors takes (issuing, shared
memory, loads, the second cache), by the share of the peak that the resident warps reach; and its bytes at the memory's
bandwidth; plus a stated cost of a launch. **Projected**: nothing of it ran on the device.
"""

from datetime import datetime
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from result_files import RESULTS, announce, called
from roofline_record import LaunchProjection, RooflineRecord, write_roofline
from sass import Code, disassemble, executed, multiply_add_share, nvdisasm_version, turns_of

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.environment import package_versions
from tsm_edge.errors import CompileError
from tsm_edge.export.cuda import GpuPlan, KernelResources, compile_ptx, plan_gpu
from tsm_edge.export.cuda.call import GpuCall
from tsm_edge.export.cuda.model import (
    CACHE_THREADS_PER_CLOCK,
    L2_BYTES_PER_CLOCK,
    SHARED_BYTES_PER_CLOCK,
    WARP,
    Block,
    cycles,
    lanes,
    resident_blocks,
    unit_clocks,
)
from tsm_edge.export.cuda.ptxas import assemble
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.layers import Network
from tsm_edge.export.models.registry import DEFAULT_IMAGE_SIZE
from tsm_edge.export.onnx_export import export_onnx
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.runtime.bench.provenance import checkout_commit
from tsm_edge.targets.gpu import JETSON_NANO_GPU, JETSON_ORIN_NANO_GPU

GPUS = {"jetson-nano": JETSON_NANO_GPU, "jetson-orin-nano": JETSON_ORIN_NANO_GPU}
DEFAULT_MODEL = "mobilenetv2"
# Of the memory's bandwidth in theory.
BANDWIDTH_SHARE = 0.75
LAUNCH_US = 5.0


@click.command()
@click.option("--model", default=DEFAULT_MODEL, show_default=True)
@click.option("--image-size", type=click.IntRange(min=32), default=DEFAULT_IMAGE_SIZE, show_default=True)
@click.option("--gpu", type=click.Choice(list(GPUS)), default="jetson-nano", show_default=True)
@click.option(
    "--precision", "precisions", type=click.Choice(["fp32", "fp16"]), multiple=True, default=("fp32", "fp16")
)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the files go.")
def main(model: str, image_size: int, gpu: str, precisions: tuple[str, ...], results: Path) -> None:
    """Project a frame's time, launch by launch."""
    name, network = _network(model, image_size)
    # All sheets first: writing one would make the checkout look changed to the next.
    for record in [project(network, name, image_size, gpu, precision) for precision in precisions]:
        size = "" if image_size == DEFAULT_IMAGE_SIZE else f"-{image_size}px"
        path = results / f"roofline-{name}{size}-{record.precision}-{gpu}-projected.json"
        write_roofline(record, path)
        announce(f"wrote {path}: {record.projected_ms:.2f} ms a frame, projected")


def project(network: Network, model: str, image_size: int, gpu: str, precision: str) -> RooflineRecord:
    """Compile `network` for a GPU and project every launch.

    Raises:
        MissingDependencyError: NVIDIA's compiler, assembler or disassembler is missing.
        CompileError: A layer that no rule covers, or a compiler refused.
    """
    spec = GPUS[gpu]
    announce(f"compiling for {gpu} in {precision}")
    plan = plan_gpu(network, spec, precision)
    with TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernels.cubin"
        resources = {each.name: each for each in assemble(compile_ptx(plan.cuda_source, spec), spec, cubin)}
        codes = disassemble(cubin)
    return RooflineRecord(
        started_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        commit=checkout_commit(),
        command=called(__file__),
        versions=package_versions() | {"nvdisasm": nvdisasm_version()},
        model=model,
        image_size=image_size,
        target=gpu,
        precision=precision,
        gpu=f"{spec.arch}: {spec.source}",
        peak_gflop_per_s=spec.gflop_per_s * (spec.half_rate if plan.half else 1),
        bandwidth_gb_s=spec.bandwidth_gb_s,
        assumptions=_assumptions(),
        launches=tuple(
            _launch(call, plan, resources[call.kernel.name], codes[call.kernel.name]) for call in plan.calls
        ),
    )


def _network(model: str, image_size: int) -> tuple[str, Network]:
    """The name that its bundles carry, and its layers."""
    from tsm_edge.export import build_model

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        spec = export_onnx(build_model(model, image_size=image_size), path)
        return spec.name, fuse_layers(read_graph(import_relax(path)))


def _launch(call: GpuCall, plan: GpuPlan, resources: KernelResources, code: Code) -> LaunchProjection:
    gpu, kernel, work = plan.gpu, call.kernel, call.work
    counts = executed(code, work.turns, work.multiply_adds, work.deals)
    threads, blocks = kernel.block[0], kernel.grid[0] * kernel.grid[1] * kernel.grid[2]
    block = Block(
        threads=threads,
        registers=resources.registers,
        shared_bytes=resources.shared_bytes,
        issue=lanes(threads) * turns_of(counts),
        shared_traffic=work.shared_bytes / blocks,
        loads=work.loads / blocks,
        global_traffic=work.global_bytes / blocks,
        barriers=work.barriers,
    )
    resident = resident_blocks(gpu, block)
    if not resident:
        raise CompileError(f"no block of {kernel.name} fits on {gpu.arch}; its tile is too large")
    warps = resident * ceil(threads / WARP)
    each = ceil(blocks / gpu.multiprocessors)
    units = {unit: each * clocks / gpu.clock_mhz / 1e3 for unit, clocks in unit_clocks(block).items()}
    clocks_ms = cycles(gpu, block, blocks) / gpu.clock_mhz / 1e3
    memory_ms = work.dram_bytes / (BANDWIDTH_SHARE * gpu.bandwidth_gb_s * 1e6)
    return LaunchProjection(
        name=kernel.name,
        rule=call.rule,
        layer=call.layer,
        flop=call.flop,
        bytes_moved=call.bytes_moved,
        dram_bytes=work.dram_bytes,
        grid=kernel.grid,
        threads=threads,
        registers=resources.registers,
        shared_bytes=resources.shared_bytes,
        resident_warps=warps,
        occupancy=warps * WARP / gpu.threads,
        instructions=sum(counts.values()),
        multiply_add_share=multiply_add_share(counts),
        unit_ms=units,
        clocks_ms=clocks_ms,
        memory_ms=memory_ms,
        projected_ms=max(clocks_ms, memory_ms) + LAUNCH_US / 1e3,
        bound="memory" if memory_ms > clocks_ms else max(units, key=lambda unit: units[unit]),
    )


def _assumptions() -> tuple[str, ...]:
    return (
        f"memory gives {BANDWIDTH_SHARE:.0%} of its bandwidth in theory",
        f"a launch costs {LAUNCH_US:g} us, and launches do not overlap",
        "W resident warps reach W / (W + 3) of the peak of what decides",
        "no two instructions are issued at once, and both sides of every branch are executed",
        f"shared memory moves {SHARED_BYTES_PER_CLOCK} bytes a clock; threads that read the same word all count",
        f"loads from global memory go at {CACHE_THREADS_PER_CLOCK} threads a clock, and the first cache keeps nothing",
        f"the second cache moves {L2_BYTES_PER_CLOCK} bytes a clock for each multiprocessor",
        "the board's highest clock, without throttling; copies from and to the host are left out",
    )


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/roofline.py")
