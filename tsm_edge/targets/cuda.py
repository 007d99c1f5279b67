"""The target "cuda": this machine with an NVIDIA GPU of a given compute capability, or a newer one."""

from dataclasses import replace

from tsm_edge.errors import UsageError
from tsm_edge.targets.gpu import JETSON_NANO_GPU, JETSON_ORIN_NANO_GPU, GpuSpec
from tsm_edge.targets.host import host_target
from tsm_edge.targets.spec import TargetSpec

__all__ = ["ARCHITECTURES", "DEFAULT_ARCH", "cuda_target"]

# What the compiler knows (NVRTC 11.8) of what has half floats at full rate, with the PTX version that introduced it:
# "Parallel Thread Execution ISA", table of releases. CUDA 10.2's drivers take 6.5.
ARCHITECTURES = {
    "sm_53": (6, 5),
    "sm_60": (6, 5),
    "sm_62": (6, 5),
    "sm_70": (6, 5),
    "sm_72": (6, 5),
    "sm_75": (6, 5),
    "sm_80": (7, 0),
    "sm_86": (7, 1),
    "sm_87": (7, 4),
    "sm_89": (7, 8),
    "sm_90": (7, 8),
}
# Most GPUs in use, from 2018 on.
DEFAULT_ARCH = "sm_75"

# A GPU of each size: kernels are laid out for its multiprocessors, and run on any other.
_TYPICAL = (
    JETSON_NANO_GPU,
    GpuSpec(
        arch="sm_75",
        multiprocessors=40,
        cores=64,
        half_rate=2,
        clock_mhz=1590.0,
        bandwidth_gb_s=320.0,
        l2_bytes=4 << 20,
        threads=1024,
        blocks=16,
        ptx_version=(6, 5),
        source="NVIDIA T4 data sheet; Turing architecture white paper WP-09183",
    ),
    GpuSpec(
        arch="sm_80",
        multiprocessors=108,
        cores=64,
        half_rate=4,
        clock_mhz=1410.0,
        bandwidth_gb_s=1555.0,
        l2_bytes=40 << 20,
        shared_bytes=164 << 10,
        ptx_version=(7, 0),
        source="NVIDIA A100 40 GB data sheet; Ampere architecture white paper",
    ),
    JETSON_ORIN_NANO_GPU,
    GpuSpec(
        arch="sm_90",
        multiprocessors=132,
        cores=128,
        half_rate=2,
        clock_mhz=1980.0,
        bandwidth_gb_s=3350.0,
        l2_bytes=50 << 20,
        shared_bytes=228 << 10,
        ptx_version=(7, 8),
        source="NVIDIA H100 SXM data sheet; Hopper architecture white paper",
    ),
)


def cuda_target(arch: str = DEFAULT_ARCH) -> TargetSpec:
    """This machine, with kernels for GPUs of `arch` or newer beside those for its processor.

    Args:
        arch: Compute capability as the compilers spell it, such as "sm_75".

    Raises:
        UsageError: No such architecture, or one that the compiler does not know.
        UnknownTargetError: The machine is neither Linux on x86-64 nor Linux on 64-bit ARM.
    """
    if arch not in ARCHITECTURES:
        raise UsageError(
            f"unknown GPU architecture {arch!r}; choose one of {', '.join(ARCHITECTURES)}: "
            "newer GPUs run what was compiled for an older one"
        )
    host = host_target()
    return replace(
        host,
        name=f"cuda-{arch.replace('_', '')}",
        description=f"this machine and NVIDIA GPUs from {arch} on",
        gpu=_gpu(arch),
        source=f"{host.source}; {_gpu(arch).source}",
    )


def _gpu(arch: str) -> GpuSpec:
    """The typical GPU of that architecture, or of the one before it."""
    closest = max(
        (gpu for gpu in _TYPICAL if _number(gpu.arch) <= _number(arch)), key=lambda g: _number(g.arch)
    )
    return replace(closest, arch=arch, ptx_version=ARCHITECTURES[arch])


def _number(arch: str) -> int:
    return int(arch.removeprefix("sm_"))
