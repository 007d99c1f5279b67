"""A bundle's GPU half: launches, PTX and weights beside those for the processor."""

from dataclasses import dataclass
from pathlib import Path

from tsm_edge.bundle import GPU_KERNELS, GPU_WEIGHTS
from tsm_edge.errors import MissingDependencyError
from tsm_edge.export.cuda import GpuPlan, KernelResources, check_ptx, compile_ptx, gpu_plan_source, plan_gpu
from tsm_edge.export.cuda.nvidia import nvidia_folder
from tsm_edge.export.cuda.nvrtc import ptx_version
from tsm_edge.export.layers import Network
from tsm_edge.manifest import GpuRecord, ResourceRecord
from tsm_edge.specs import ModelSpec
from tsm_edge.targets import TargetSpec

__all__ = ["GpuHalf", "check_gpu_compiler", "compile_gpu_half"]


@dataclass(frozen=True)
class GpuHalf:
    """What the driver's GPU half needs.

    Attributes:
        plan: Launches and weights.
        ptx: The kernels, for the driver of a GPU to compile.
        resources: What ptxas says of each kernel; empty where it is not installed.
    """

    plan: GpuPlan
    ptx: str
    resources: tuple[KernelResources, ...]

    def source(self, spec: ModelSpec) -> str:
        """C source of `tsm_model_gpu_plan` (see csrc/tsm_gpu_plan.h)."""
        return gpu_plan_source(self.plan, spec, self.ptx)

    def write_files(self, directory: Path) -> None:
        """Write PTX and packed weights into the bundle."""
        (directory / GPU_KERNELS).write_bytes(self.ptx.encode())
        (directory / GPU_WEIGHTS).write_bytes(self.plan.weights)

    def record(self) -> GpuRecord:
        """What the manifest says of it."""
        return GpuRecord(
            arch=self.plan.gpu.arch,
            ptx_version="{}.{}".format(*ptx_version(self.ptx)),
            arena_bytes=self.plan.arena_bytes,
            weight_bytes=len(self.plan.weights),
            state_bytes=self.plan.state_bytes,
            kernels=self.plan.records(),
            resources={
                each.name: ResourceRecord(
                    registers=each.registers, shared_bytes=each.shared_bytes, spill_bytes=each.spill_bytes
                )
                for each in self.resources
            },
        )


def check_gpu_compiler(target: TargetSpec) -> None:
    """See that what compiles the target's GPU kernels, if it has a GPU, is installed.

    Raises:
        MissingDependencyError: NVRTC is not.
    """
    if target.gpu is None:
        return
    try:
        nvidia_folder("cuda_nvrtc")
    except MissingDependencyError as error:
        without = "host" if target.name.startswith("cuda") else f"{target.name}-cpu"
        raise MissingDependencyError(f"{error}; --target {without} does without a GPU") from None


def compile_gpu_half(network: Network, target: TargetSpec, precision: str) -> GpuHalf | None:
    """Kernels for the target's GPU, or None if it has none.

    Args:
        network: Fused layers.
        target: Where they will run.
        precision: "fp32" or "fp16".

    Raises:
        MissingDependencyError: NVRTC is not installed.
        CompileError: No rule covers a layer, NVRTC or ptxas refused, or a kernel spills registers.
    """
    if target.gpu is None:
        return None
    plan = plan_gpu(network, target.gpu, precision)
    ptx = compile_ptx(plan.cuda_source, target.gpu)
    try:
        resources = check_ptx(ptx, target.gpu)
    except MissingDependencyError:  # a check, which the driver repeats
        resources = ()
    return GpuHalf(plan, ptx, resources)
