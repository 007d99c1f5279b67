"""How large a tile is and how a row of pixels splits into tiles: by rule, from shape and registers.

A tile of P pixels and U weight vectors costs, per input channel, P*U multiply-adds, U weight loads and P input
loads. Its registers are P*U accumulators, U weights and 1 input (by lane: P inputs). The rule takes the tile that
needs the fewest cycles for the whole layer on a core that starts two multiply-adds and two loads a cycle.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tsm_edge.export.kernels.machine import Machine

__all__ = ["Split", "TileShape", "choose_tile", "split_evenly"]

# Cycles from a multiply-add's start to its result on every core of the table (4 on Zen 3 and Skylake, 4 to 5 on
# Cortex-A7x): fewer accumulators than that many per pipe leave gaps.
LATENCY_CYCLES = 4
PIPES = 2
# A tile's bias, activation and stores, in channels' worth of work: keeps tiny tiles from looking free.
OVERHEAD_CHANNELS = 4


@dataclass(frozen=True)
class TileShape:
    """`pixels` x `vectors` accumulators of `lanes` floats."""

    pixels: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        """Output channels of the tile."""
        return self.vectors * self.lanes


@dataclass(frozen=True)
class Split:
    """`count` tiles that differ by one pixel at most: the first `larger` have `size` pixels, the others one less."""

    count: int
    size: int
    larger: int

    def groups(self) -> Iterable[tuple[int, int, int]]:
        """(first pixel, tiles, pixels of a tile) for each of the one or two sizes."""
        if self.larger:
            yield 0, self.larger, self.size
        if self.count > self.larger:
            yield self.larger * self.size, self.count - self.larger, self.size - 1


def split_evenly(pixels: int, most: int) -> Split:
    """Split `pixels` into as few tiles of at most `most` pixels as possible, all about the same size."""
    count = -(-pixels // most)
    size = -(-pixels // count)
    return Split(count, size, pixels - count * (size - 1))


def choose_tile(pixels: int, channels: int, machine: Machine) -> TileShape:
    """The cheapest tile for `pixels` outputs in a row (or in the plane) of `channels` channels each."""
    lanes = machine.lanes_for(channels)
    panels = channels // lanes
    candidates = [
        TileShape(p, u, lanes)
        for u in range(1, 5)
        if panels % u == 0
        for p in range(1, machine.registers)
        if _registers(p, u, machine) <= machine.registers
    ]
    return min(candidates, key=lambda tile: (_cycles(tile, pixels, panels), -tile.pixels))


def _registers(pixels: int, vectors: int, machine: Machine) -> int:
    return pixels * vectors + vectors + (pixels if machine.multiplies_by_lane else 1)


def _cycles(tile: TileShape, pixels: int, panels: int) -> float:
    split = split_evenly(pixels, tile.pixels)
    total = 0.0
    for _, tiles, size in split.groups():
        multiply_adds = size * tile.vectors
        loads = size + tile.vectors
        per_channel = max(multiply_adds / PIPES, loads / PIPES, LATENCY_CYCLES * (multiply_adds > 0))
        total += tiles * (per_channel + OVERHEAD_CHANNELS * multiply_adds / 64)
    return total * panels / tile.vectors
