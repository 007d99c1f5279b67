"""What a launch should take: a model of one multiprocessor, for choosing tiles and for the roofline sheet.

    clocks = max(issue, shared memory, loads, second cache) / share(warps)

Blocks run in rounds of as many as a multiprocessor holds. `share` is what warps that wait for each other leave of the
peak. The constants are conservative readings of public measurements; nothing here was measured on a Jetson.
"""

from dataclasses import dataclass
from math import ceil

from tsm_edge.targets.gpu import GpuSpec

__all__ = ["Block", "cycles", "lanes", "resident_blocks", "unit_clocks", "warp_share"]

WARP = 32
SCHEDULERS = 4
# A warp's registers come in units of 256: CUDA's occupancy calculator, 5.x to 8.x.
REGISTER_UNIT = 256
SHARED_UNIT = 256
BLOCK_SHARED_BYTES = 48 << 10
# Shared memory gives 32 banks of four bytes a clock. Threads that read the same word count each for itself, which is
# what 16-byte loads cost at worst.
SHARED_BYTES_PER_CLOCK = 128
# Through Maxwell's texture caches: 15.7 bytes a clock were measured with four-byte loads, that is four threads (Jia
# and others, Dissecting the NVIDIA Volta GPU architecture via microbenchmarking, arXiv:1804.06826, table of caches).
CACHE_THREADS_PER_CLOCK = 4
# Of the second cache, a multiprocessor. The first cache is given no credit.
L2_BYTES_PER_CLOCK = 32
# From a barrier until a warp has its first words of shared memory again.
BARRIER_LATENCY = 60
# For which a block's first loads and last stores keep it waiting.
BLOCK_LATENCY = 1500


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of a launch.

    Attributes:
        registers: Of a thread.
        shared_bytes: That it holds.
        issue: Instructions of all threads, one that takes n turns of the scheduler counting n; see `lanes`.
        shared_traffic: Bytes that its threads move from and to shared memory.
        loads: Loads from global memory, of all threads.
        global_traffic: Bytes that its threads move from and to global memory.
        barriers: That it meets.
    """

    threads: int
    registers: int
    shared_bytes: int
    issue: float
    shared_traffic: float
    loads: float
    global_traffic: float
    barriers: int = 0


def resident_blocks(gpu: GpuSpec, block: Block) -> int:
    """How many blocks a multiprocessor holds at once; 0 if not even one."""
    warps = ceil(block.threads / WARP)
    registers = warps * ceil(block.registers * WARP / REGISTER_UNIT) * REGISTER_UNIT
    shared = ceil(block.shared_bytes / SHARED_UNIT) * SHARED_UNIT
    if block.shared_bytes > BLOCK_SHARED_BYTES or registers > gpu.block_registers:
        return 0
    return min(
        gpu.registers // registers,
        gpu.threads // (warps * WARP),
        gpu.blocks,
        gpu.shared_bytes // shared if shared else gpu.blocks,
    )


def warp_share(warps: float) -> float:
    """What so many resident warps reach of the peak: each has long runs of independent instructions."""
    return warps / (warps + 3)


def unit_clocks(block: Block) -> dict[str, float]:
    """Clocks of a block that has a multiprocessor for itself, for each part of it, no latency counted."""
    return {
        "issue": block.issue / (SCHEDULERS * WARP),
        "shared memory": block.shared_traffic / SHARED_BYTES_PER_CLOCK,
        "loads": block.loads / CACHE_THREADS_PER_CLOCK,
        "second cache": block.global_traffic / L2_BYTES_PER_CLOCK,
    }


def cycles(gpu: GpuSpec, block: Block, blocks: int) -> float:
    """Clocks of a launch of `blocks` blocks, memory left aside; infinite if none fits."""
    resident = resident_blocks(gpu, block)
    if not resident:
        return float("inf")
    busy, warps = max(unit_clocks(block).values()), ceil(block.threads / WARP)

    def taken(together: int) -> float:
        alone = busy / warp_share(warps) + block.barriers * BARRIER_LATENCY
        return max(together * busy / warp_share(together * warps), alone)

    rounds, rest = divmod(ceil(blocks / gpu.multiprocessors), resident)
    return rounds * taken(resident) + (taken(rest) if rest else 0) + BLOCK_LATENCY


def lanes(threads: int) -> int:
    """What so many threads cost the schedulers: warps are issued whole."""
    return ceil(threads / WARP) * WARP
