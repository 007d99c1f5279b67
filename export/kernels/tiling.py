"""How large a tile is and how a row of pixels splits into tiles: by rule, from shape and registers.

A tile of P pixels and U weight vectors needs, per input channel, P*U multiply-adds, U weight loads and P input loads;
its registers are P*U accumulators, U weights and 1 input. By lane (NEON) one load brings P inputs for four channels,
at P registers, and weight vectors come in pairs. The rule takes the tile that needs the fewest cycles for the whole
layer: bound by multiply-adds, loads or latency where inputs come from memory operands, by the sheer number of
instructions where they do not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import gcd

from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.layers import FLOAT_BYTES

__all__ = [
    "Split",
    "TileQuestion",
    "TileShape",
    "choose_tile",
    "rank_tiles",
    "split_evenly",
    "split_into_turns",
]

# Cycles from a multiply-add's start to its result on every core of the table (4 on Zen 3 and Skylake, 4 to 5 on
# Cortex-A7x): fewer accumulators than that many per pipe leave gaps.
LATENCY_CYCLES = 4
PIPES = 2
# Input channels that one load brings where lanes are used one by one.
LANES_LOADED = 4
# A tile's bias, activation and store, for each accumulator, and its addresses and branches.
ACCUMULATOR_OVERHEAD = 4
TILE_OVERHEAD = 12
# A tile that takes the last register leaves none to a value in flight; measured on Zen 3: 4x24 against 6x16.
FULL_REGISTERS_FACTOR = 1.02
# Pixels whose inputs lie a multiple of a way's size apart share a set of the first cache. x86 processors have ways of
# 4 KiB and at least eight of them: one is left to weights. Beyond, each input comes from the second cache; measured on
# Zen 4: 14 pixels of 1024 channels run at 88 GFLOP/s, 7 or fewer at 111 to 115.
WAY_BYTES = 4096
MOST_LINES = 7
CROWDED_FACTOR = 1.2
# Counting and branching for each input channel, as far as it does not hide.
LOOP_OVERHEAD_CYCLES = 0.5
# From here on one block of straight code costs less than the turns that it saves.
LEAST_UNEVEN_BLOCKS = 9
MOST_VECTORS = 4
# Input channels where a caller does not say: the middle of a MobileNet.
TYPICAL_DEPTH = 64


@dataclass(frozen=True)
class TileShape:
    """`pixels` x `vectors` accumulators of `lanes` floats; the last vector may have but `last` of them."""

    pixels: int
    vectors: int
    lanes: int
    last: int = 0

    @property
    def vector_lanes(self) -> tuple[int, ...]:
        """Floats of each vector of a pixel."""
        return (self.lanes,) * (self.vectors - 1) + (self.last or self.lanes,)

    @property
    def width(self) -> int:
        """Output channels of the tile."""
        return sum(self.vector_lanes)

    @property
    def text(self) -> str:
        """Pixels x channels, for the name of a kernel."""
        return f"{self.pixels}x{self.width}{'n' if self.last else ''}"


@dataclass(frozen=True)
class TileQuestion:
    """All that the choice of a tile depends on, beside the machine; see `choose_tile`."""

    pixels: int
    channels: int
    depth: int = TYPICAL_DEPTH
    pixel_stride: int = 0
    uniform: bool = False


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


def split_into_turns(blocks: int, most: int) -> list[tuple[int, int]]:
    """Loops over `blocks` blocks of channels with at most `most` in a turn, as (turns, blocks a turn).

    Two turns at least: LLVM takes the weights of straight code out of the loop around it, all at once, and spills them.
    """
    fits = (n for n in range(most, 1, -1) if blocks // n > (2 if n > 2 else 1) and blocks % n == 0)
    by = next(fits, 2 if blocks >= LEAST_UNEVEN_BLOCKS else 1)
    return [(turns, n) for turns, n in ((blocks // by, by), (blocks % by, 1)) if turns > 0]


def choose_tile(
    pixels: int,
    channels: int,
    machine: Machine,
    depth: int = TYPICAL_DEPTH,
    pixel_stride: int = 0,
    *,
    uniform: bool = False,
) -> TileShape:
    """The cheapest tile for `pixels` outputs in a row (or in the plane) of `channels` channels each.

    Args:
        pixels: Outputs that are split into tiles.
        channels: Output channels.
        machine: The vector unit; a tile that was measured to be the best for it goes before the rule's.
        depth: Multiply-adds for each output: input channels times taps.
        pixel_stride: Floats from a pixel's inputs to the next one's, where that is known.
        uniform: Whether all vectors must be equally wide.
    """
    question = TileQuestion(pixels, channels, depth, pixel_stride, uniform)
    return machine.tuned_tiles.get(question) or rank_tiles(question, machine)[0]


def rank_tiles(question: TileQuestion, machine: Machine) -> list[TileShape]:
    """Every tile that fits the channels and the registers, the cheapest first."""
    candidates = [
        replace(row, pixels=pixels)
        for row in _pixels_of_a_tile(question, machine)
        for pixels in range(1, machine.registers)
        if _registers(pixels, row.vectors, machine) <= machine.registers
    ]

    def cost(tile: TileShape) -> tuple[float, int]:
        cycles = _cycles(tile, question, machine)
        size = split_evenly(question.pixels, tile.pixels).size
        is_crowded = (
            not machine.multiplies_by_lane and _lines_in_a_set(size, question.pixel_stride) > MOST_LINES
        )
        return cycles * (CROWDED_FACTOR if is_crowded else 1.0), -tile.pixels

    return sorted(candidates, key=cost)


def _pixels_of_a_tile(question: TileQuestion, machine: Machine) -> list[TileShape]:
    """All ways to cover the channels with panels of up to four vectors, as tiles of one pixel.

    Where the widest vector does not divide them, one narrow vector beside wide ones takes fewer multiply-adds than
    narrow ones alone: 24 channels are 16 and 8 of them.
    """
    lanes, widest = machine.lanes_for(question.channels), machine.vector_floats
    rows = [TileShape(1, vectors, lanes) for vectors in range(1, MOST_VECTORS + 1)]
    if lanes < widest and not question.uniform:
        rows += [TileShape(1, vectors, widest, lanes) for vectors in range(2, MOST_VECTORS + 1)]
    return [row for row in rows if question.channels % row.width == 0]


def _registers(pixels: int, vectors: int, machine: Machine) -> int:
    return pixels * vectors + vectors + (pixels if machine.multiplies_by_lane else 1)


def _cycles(tile: TileShape, question: TileQuestion, machine: Machine) -> float:
    total = 0.0
    for _, tiles, size in split_evenly(question.pixels, tile.pixels).groups():
        accumulators = size * tile.vectors
        overhead = ACCUMULATOR_OVERHEAD * accumulators + TILE_OVERHEAD
        total += tiles * (
            question.depth * _cycles_per_channel(size, tile.vectors, machine) + overhead / PIPES
        )
    is_full = _registers(tile.pixels, tile.vectors, machine) == machine.registers
    return total * (question.channels // tile.width) * (FULL_REGISTERS_FACTOR if is_full else 1.0)


def _lines_in_a_set(pixels: int, pixel_stride: int) -> float:
    """How many of a tile's pixels compete for one set of the first cache."""
    return pixels * gcd(pixel_stride * FLOAT_BYTES, WAY_BYTES) / WAY_BYTES if pixel_stride else 0.0


def _cycles_per_channel(pixels: int, vectors: int, machine: Machine) -> float:
    multiply_adds = pixels * vectors
    if machine.multiplies_by_lane:
        instructions = multiply_adds + pixels / LANES_LOADED + vectors / 2
        return LOOP_OVERHEAD_CYCLES + max(instructions / PIPES, LATENCY_CYCLES)
    return LOOP_OVERHEAD_CYCLES + max(multiply_adds / PIPES, (pixels + vectors) / PIPES, LATENCY_CYCLES)
