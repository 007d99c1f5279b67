"""What a kernel rule, PTX and a projection need to know of an NVIDIA GPU."""

from dataclasses import dataclass

__all__ = ["JETSON_NANO_GPU", "JETSON_ORIN_NANO_GPU", "GpuSpec"]


@dataclass(frozen=True, kw_only=True)
class GpuSpec:
    """A GPU, or the least one that a bundle runs on.

    Attributes:
        arch: Compute capability as the compilers spell it, such as "sm_53".
        multiprocessors: How many streaming multiprocessors share the work.
        cores: Float32 multiply-adds that a multiprocessor does in one clock.
        half_rate: How many times as many of them it does in half precision, two to a register.
        clock_mhz: Highest clock of the power mode that latencies are given for.
        bandwidth_gb_s: Of the memory, in theory.
        l2_bytes: The cache that all multiprocessors share.
        registers, threads, blocks: What one multiprocessor holds at once.
        block_registers: Registers that one block may have.
        shared_bytes: Shared memory of one multiprocessor; a block gets 48 KiB at most.
        ptx_version: What the oldest driver takes that the board comes with, such as (6, 5); PTX is written for it.
        source: Where the numbers come from.
    """

    arch: str
    multiprocessors: int
    cores: int
    half_rate: int
    clock_mhz: float
    bandwidth_gb_s: float
    l2_bytes: int
    registers: int = 64 << 10
    block_registers: int = 64 << 10
    threads: int = 2048
    blocks: int = 32
    shared_bytes: int = 64 << 10
    ptx_version: tuple[int, int]
    source: str

    @property
    def compute_capability(self) -> tuple[int, int]:
        """Such as (5, 3)."""
        number = int(self.arch.removeprefix("sm_"))
        return number // 10, number % 10

    def most_registers(self, threads: int) -> int:
        """That each thread of a block can have: warps are dealt to the schedulers in fours, 255 have names."""
        return min(255, self.block_registers // (-(-threads // 128) * 128))

    @property
    def gflop_per_s(self) -> float:
        """Peak in float32, a multiply-add counting two."""
        return 2 * self.multiprocessors * self.cores * self.clock_mhz / 1e3


# One Maxwell multiprocessor; half2 arithmetic at twice the rate, and half the registers for a block (CUDA C Programming
# Guide 10.2, arithmetic instructions and compute capabilities, 5.3). JetPack 4.6 has CUDA 10.2, whose driver takes PTX
# 6.5.
JETSON_NANO_GPU = GpuSpec(
    arch="sm_53",
    multiprocessors=1,
    cores=128,
    half_rate=2,
    clock_mhz=921.6,
    bandwidth_gb_s=25.6,
    l2_bytes=256 << 10,
    block_registers=32 << 10,
    ptx_version=(6, 5),
    source="NVIDIA Jetson Nano data sheet DA-09366: 128 Maxwell cores at 921 MHz, LPDDR4 at 25.6 GB/s",
)
# Eight Ampere multiprocessors. JetPack 5 has CUDA 11.4, whose driver takes PTX 7.4.
JETSON_ORIN_NANO_GPU = GpuSpec(
    arch="sm_87",
    multiprocessors=8,
    cores=128,
    half_rate=2,
    clock_mhz=625.0,
    bandwidth_gb_s=68.0,
    l2_bytes=2 << 20,
    threads=1536,
    blocks=16,
    shared_bytes=164 << 10,
    ptx_version=(7, 4),
    source="NVIDIA Jetson Orin Nano data sheet DS-11105: 1024 Ampere cores at 625 MHz, LPDDR5 at 68 GB/s",
)
