"""What a launch should take: a model of one multiprocessor, for choosing tiles and for the roofline sheet.

    cycles = max(multiply-adds, instructions, shared memory, caches) / share(warps)
    time   = max(cycles / clock, bytes / bandwidth)

Blocks run in rounds of as many as a multiprocessor holds. `share` is what warps that wait for each other leave of the
peak: W / (W + 3), where W is the number of resident warps. None of it was measured on a device.
"""

from dataclasses import dataclass
from math import ceil

from tsm_edge.targets.gpu import GpuSpec

__all__ = ["Block", "cycles", "resident_blocks", "warp_share"]

WARP = 32
# A warp's registers come in units of 256: CUDA's occupancy calculator, 5.x to 8.x.
REGISTER_UNIT = 256
SHARED_UNIT = 256
BLOCK_SHARED_BYTES = 48 << 10
# A warp instruction of 128 bytes a thread quad: shared memory gives 128 bytes a clock on all of these GPUs. Reads of
# the same word by several threads count each time, which is what 16-byte loads cost at worst.
SHARED_BYTES_PER_CLOCK = 128
# Through the texture caches, half of that: four units of 16 bytes.
CACHE_BYTES_PER_CLOCK = 64
SCHEDULERS = 4
# Cycles for which a block's first loads and last stores keep it waiting, and a round of them.
BLOCK_LATENCY = 1500


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of a launch, in instructions of threads and bytes.

    Attributes:
        registers: Of a thread.
        shared_bytes: That it holds.
        multiply_adds: Executed by all of its threads; one instruction counts one, of words.
        instructions: All of them.
        shared_traffic, cache_traffic: Bytes that its threads move.
    """

    threads: int
    registers: int
    shared_bytes: int
    multiply_adds: float
    instructions: float
    shared_traffic: float
    cache_traffic: float


def resident_blocks(gpu: GpuSpec, block: Block) -> int:
    """How many blocks a multiprocessor holds at once; 0 if not even one."""
    warps = ceil(block.threads / WARP)
    registers = warps * ceil(block.registers * WARP / REGISTER_UNIT) * REGISTER_UNIT
    shared = ceil(block.shared_bytes / SHARED_UNIT) * SHARED_UNIT
    if block.shared_bytes > BLOCK_SHARED_BYTES:
        return 0
    return min(
        gpu.registers // registers,
        gpu.threads // (warps * WARP),
        gpu.blocks,
        gpu.shared_bytes // shared if shared else gpu.blocks,
    )


def warp_share(warps: float) -> float:
    """What so many resident warps reach of the peak."""
    return warps / (warps + 3)


def cycles(gpu: GpuSpec, block: Block, blocks: int) -> float:
    """Clocks of a launch of `blocks` blocks, memory left aside; infinite if none fits."""
    resident = resident_blocks(gpu, block)
    if not resident:
        return float("inf")
    busy = max(
        block.multiply_adds / gpu.cores,
        block.instructions / (SCHEDULERS * WARP),
        block.shared_traffic / SHARED_BYTES_PER_CLOCK,
        block.cache_traffic / CACHE_BYTES_PER_CLOCK,
    )
    warps = ceil(block.threads / WARP)
    own = ceil(blocks / gpu.multiprocessors)
    rounds, rest = divmod(own, resident)
    total = rounds * resident * busy / warp_share(resident * warps)
    if rest:
        total += rest * busy / warp_share(rest * warps)
    return total + BLOCK_LATENCY
