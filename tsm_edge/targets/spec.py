"""What a kernel rule, the linker and a benchmark need to know of a processor."""

from dataclasses import dataclass
from typing import Literal

from tsm_edge.targets.gpu import GpuSpec

__all__ = ["Libc", "TargetSpec"]

Libc = Literal["gnu", "bionic", "darwin"]


@dataclass(frozen=True, kw_only=True)
class TargetSpec:
    """One board or processor.

    Attributes:
        triple: LLVM target triple.
        cpu: LLVM's -mcpu: picks instructions and their order.
        features: LLVM's -mattr, such as "+neon".
        vector_bits: Width of a float vector register.
        vector_registers: How many of them the architecture has.
        l1d_bytes, l2_bytes: Data caches that one core can count on.
        threads: Default number of threads, the physical big cores.
        libc: "gnu" links against glibc 2.17 symbols at most, "bionic" against Android's unversioned ones;
            "darwin" makes a static library for Xcode to link.
        gpu: The GPU that bundles carry kernels for beside those for the processor; None: not used.
        latency_target_ms: What a frame may take on this device, if somebody promised it.
        device_match: Substrings of the device's own name by which a benchmark knows it is on it.
        note: What a report must say, such as a half that is missing.
        source: Where the numbers come from.
    """

    name: str
    description: str
    triple: str
    cpu: str
    features: tuple[str, ...] = ()
    vector_bits: int
    vector_registers: int
    l1d_bytes: int
    l2_bytes: int
    threads: int
    libc: Libc = "gnu"
    gpu: GpuSpec | None = None
    latency_target_ms: float | None = None
    device_match: tuple[str, ...] = ()
    note: str = ""
    source: str

    @property
    def architecture(self) -> str:
        """First part of the triple: "aarch64" or "x86_64"."""
        return self.triple.partition("-")[0]

    @property
    def library(self) -> str:
        """Name of the library in a bundle: one to load, or on iOS, where apps load none, one to link."""
        return "libtsm_model.a" if self.libc == "darwin" else "libtsm_model.so"

    @property
    def vector_floats(self) -> int:
        """How many float32 one vector register holds."""
        return self.vector_bits // 32
