"""The one road through the host half: a clip model in, a bundle out.

clip model -> ONNX -> Relax -> fused layers -> plan of kernels -> object file -> library -> bundle
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from tsm_edge._version import __version__
from tsm_edge.bundle import (
    C_EXAMPLE,
    C_HEADER,
    GOLDEN_FRAMES,
    GOLDEN_LOGITS,
    LITE,
    ONNX_MODEL,
    RUN_TOOL,
    WEIGHTS,
    Bundle,
    record_files,
)
from tsm_edge.errors import CompileError, UsageError
from tsm_edge.export.codegen import check_processor, write_object
from tsm_edge.export.driver_source import ABI_VERSION, plan_source
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.golden import golden_frames, golden_logits
from tsm_edge.export.gpu_half import GpuHalf, check_gpu_compiler, compile_gpu_half
from tsm_edge.export.interruptions import interruptions_held
from tsm_edge.export.kernels import unscheduled
from tsm_edge.export.layers import Network
from tsm_edge.export.link import c_source, link_library, link_run_tool
from tsm_edge.export.lite import lite_source
from tsm_edge.export.models import ClipModel
from tsm_edge.export.models.registry import DEFAULT_IMAGE_SIZE
from tsm_edge.export.onnx_export import export_onnx
from tsm_edge.export.phones import write_phone_files
from tsm_edge.export.plan import Plan, plan_network
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.export.tuning.choice import TunedTiles
from tsm_edge.export.tuning.database import database_path
from tsm_edge.export.verification import is_emulated, replay_golden_stream
from tsm_edge.files import directory_written_aside
from tsm_edge.manifest import Manifest, Verification, write_manifest
from tsm_edge.specs import ModelSpec
from tsm_edge.targets import TargetSpec

__all__ = ["PRECISIONS", "STAGES", "CompileReport", "compile_bundle", "default_output"]

PRECISIONS = ("fp32", "fp16")
STAGES = (
    "export ONNX",
    "import into Relax",
    "choose kernels",
    "compile kernels",
    "link",
    "record golden stream",
    "verify",
)
PACKAGES = ("apache-tvm", "apache-tvm-ffi", "numpy", "onnx", "onnxruntime", "torch", "ziglang")
# What tsm_model.c starts at most.
MAX_THREADS = 64


@dataclass(frozen=True, kw_only=True)
class CompileReport:
    """What was built.

    Attributes:
        bundle: The bundle, checked.
        seconds: Time of each stage, by name.
        tuning_notes: Why something that was measured is not used, or is doubtful.
    """

    bundle: Bundle
    seconds: dict[str, float]
    tuning_notes: tuple[str, ...] = ()


@dataclass
class _Clock:
    """Announces stages and times them."""

    on_stage: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.on_stage(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def default_output(spec: ModelSpec, target: TargetSpec, precision: str) -> Path:
    """Where a bundle goes by itself: dist/<model>-<target>-<precision>, the model's size named unless it is 224."""
    size = spec.preprocess.crop_size
    model = spec.name if size == DEFAULT_IMAGE_SIZE else f"{spec.name}-{size}px"
    return Path("dist") / f"{model}-{target.name}-{precision}"


def compile_bundle(
    model: ClipModel,
    target: TargetSpec,
    output: Path,
    *,
    precision: str = "fp32",
    threads: int | None = None,
    strict: bool = False,
    database: Path | None = None,
    tuned: bool = True,
    on_stage: Callable[[str], None] = lambda _: None,
) -> CompileReport:
    """Compile the streaming view of `model` for `target` into the folder `output`.

    Args:
        model: An online clip model.
        target: Where it will run.
        output: The bundle; replaced in one step when all went well, untouched otherwise.
        precision: "fp32", or "fp16" for targets with a GPU, which computes in half floats then.
        threads: Default number of threads; None takes the target's, 64 at most.
        strict: Refuse a kernel that no rule scheduled.
        database: Results of `tune_network`; None is the user's own for the target, which need not exist.
        tuned: Whether to use them.
        on_stage: Called with the name of each of `STAGES` as it begins.

    Raises:
        ExportError: The ONNX model is not the torch model.
        CompileError: A layer has no kernel, TVM or the linker refused, or the result differs from ONNX Runtime.
        OutputError: The folder cannot be written; nothing is half written.
        TuningError: The database is broken.
        MissingDependencyError: The target has a GPU and NVIDIA's compiler is not installed.
        UsageError: No such precision, fewer threads than one, or a processor that LLVM does not know.
    """
    threads = min(target.threads, MAX_THREADS) if threads is None else threads
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision {precision!r}; choose one of {', '.join(PRECISIONS)}")
    if precision == "fp16" and target.gpu is None:
        raise UsageError(
            f"fp16 is arithmetic of GPUs and {target.name} uses none; take fp32, or a target with a GPU"
        )
    if not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"{threads} threads; choose 1 to {MAX_THREADS}")
    check_processor(target)
    check_gpu_compiler(target)
    tuning = TunedTiles.read(database or database_path(target), target) if tuned else TunedTiles()
    clock = _Clock(on_stage)
    with (
        directory_written_aside(output) as directory,
        tempfile.TemporaryDirectory(prefix="tsm-edge-") as name,
    ):
        with clock.stage("export ONNX"):
            spec = export_onnx(model, directory / ONNX_MODEL)
        network = _network(directory / ONNX_MODEL, clock)
        plan = _plan(network, target, tuning, strict, clock)
        kernels, gpu = _compile_kernels(network, plan, target, precision, Path(name), clock)
        tool = _write_library(plan, gpu, spec, target, threads, precision, directory, kernels, clock)
        with clock.stage("record golden stream"):
            _write_golden_stream(directory, spec)
        with clock.stage("verify"):
            verification = replay_golden_stream(directory, target, tool)
        manifest = _manifest(plan, gpu, spec, target, precision, threads, verification, directory)
        write_manifest(manifest, directory)
    return CompileReport(bundle=Bundle.open(output), seconds=clock.seconds, tuning_notes=plan.tuning_notes)


def _network(onnx_path: Path, clock: _Clock) -> Network:
    with clock.stage("import into Relax"), interruptions_held():
        return fuse_layers(read_graph(import_relax(onnx_path)))


def _plan(network: Network, target: TargetSpec, tuning: TunedTiles, strict: bool, clock: _Clock) -> Plan:
    with clock.stage("choose kernels"), interruptions_held():
        plan = plan_network(network, target, tuning)
    slow = sorted({call.layer for call in plan.calls if call.rule == unscheduled.NAME})
    if strict and slow:
        raise CompileError(f"--strict: no rule schedules {'; '.join(slow)}")
    return plan


def _compile_kernels(
    network: Network, plan: Plan, target: TargetSpec, precision: str, work: Path, clock: _Clock
) -> tuple[Path, GpuHalf | None]:
    """The object file with the processor's kernels, in the folder `work`, and the GPU's half."""
    kernels = work / "kernels.o"
    with clock.stage("compile kernels"), interruptions_held():
        write_object(plan.kernels, target, kernels)
        return kernels, compile_gpu_half(network, target, precision)


def _write_library(
    plan: Plan,
    gpu: GpuHalf | None,
    spec: ModelSpec,
    target: TargetSpec,
    threads: int,
    precision: str,
    directory: Path,
    kernels: Path,
    clock: _Clock,
) -> Path:
    """Write all that is compiled; the tool to verify with, which may be another one than the bundle's."""
    source, tool = kernels.with_name("plan.c"), directory / RUN_TOOL
    halves = [plan_source(plan, spec, target, threads, precision), gpu.source(spec) if gpu else ""]
    source.write_text("\n".join(halves), encoding="utf-8")
    with clock.stage("link"):
        link_library(source, kernels, target, directory / target.library)
        if target.libc != "darwin":  # on iOS nothing runs but apps
            link_run_tool(source, kernels, target, tool)
            shutil.copyfile(lite_source(), directory / LITE)
        if gpu and is_emulated(target):  # nothing of the target's own libraries is here
            tool = kernels.with_name(RUN_TOOL)
            link_run_tool(source, kernels, target, tool, alone=True)
    (directory / WEIGHTS).write_bytes(plan.weights)
    if gpu:
        gpu.write_files(directory)
    for name in (C_HEADER, C_EXAMPLE):
        shutil.copyfile(c_source(name), directory / name)
    write_phone_files(directory, target)
    return tool


def _write_golden_stream(directory: Path, spec: ModelSpec) -> None:
    frames = golden_frames(spec)
    np.save(directory / GOLDEN_FRAMES, frames)
    np.save(directory / GOLDEN_LOGITS, golden_logits(directory / ONNX_MODEL, spec, frames))


def _manifest(
    plan: Plan,
    gpu: GpuHalf | None,
    spec: ModelSpec,
    target: TargetSpec,
    precision: str,
    threads: int,
    verification: Verification,
    directory: Path,
) -> Manifest:
    versions = {"tsm-edge": __version__, **{name: metadata.version(name) for name in PACKAGES}}
    return Manifest(
        model=spec,
        target=target,
        precision=precision,
        threads=threads,
        abi_version=ABI_VERSION,
        arena_bytes=plan.arena_bytes,
        weight_bytes=len(plan.weights),
        kernels=plan.records(),
        files=record_files(directory),
        verification=verification,
        versions=versions,
        gpu=gpu.record() if gpu else None,
    )
