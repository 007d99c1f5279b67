"""Input channels times weights into a tile's accumulators: the loops that a convolution spends its time in.

    acc[p][u] += x[p, k] * w[k, u]           for every input channel k (and tap)

Where a multiply-add takes an operand from memory in all lanes (x86), channel by channel. Where it takes one lane of a
register (NEON), four channels of each pixel are loaded as one vector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tsm_edge.export.kernels.emitter import Expr, Pointer
from tsm_edge.export.kernels.tile import Tile
from tsm_edge.export.kernels.tiling import split_into_turns

__all__ = ["Source", "Tap", "multiply_add", "multiply_add_taps"]

# Input channels loaded as one vector and used lane by lane; NEON's width.
LANE_BLOCK = 4
# Such blocks in one turn of the loop: counting, addresses and the branch are paid once for all of them. LLVM begins to
# load the next block's inputs early, so a tile that leaves few registers gets fewer.
BLOCKS_A_TURN = 4
BLOCKS_A_TIGHT_TURN = 3
TIGHT_REGISTERS = 2


@dataclass(frozen=True)
class Source:
    """Where a tile's inputs are: channel k of pixel p is at `first + p * pixel_stride + k`."""

    pointer: Pointer
    first: Expr
    pixel_stride: int


@dataclass(frozen=True)
class Tap:
    """One input channel, or one tap of a window: its weights' index, and each pixel's offset from a common place."""

    weights: Expr
    offsets: Mapping[int, int]


def multiply_add(
    tile: Tile,
    source: Source,
    weights: Pointer,
    weight_base: Expr,
    stop: int,
    start: int = 0,
    pixels: Sequence[int] | None = None,
) -> None:
    """Add to acc[p] x[p, k] * w[k] for start <= k < stop; w[k] lies at `weight_base + k * width`.

    Args:
        tile: Its accumulators.
        source: Where the inputs are; all channels from 0 to `stop` may be read.
        weights: Packed weights.
        weight_base: Index of channel 0's weights.
        stop: One more than the last input channel.
        start: First input channel.
        pixels: Those that take part, where padding leaves some out.
    """
    pixels = range(tile.pixels) if pixels is None else pixels
    if not tile.machine.multiplies_by_lane:
        _by_broadcast(tile, source, weights, weight_base, range(start, stop), pixels)
    elif source.pixel_stride < LANE_BLOCK:
        _few_channels(tile, source, weights, weight_base, range(start, stop), pixels)
    else:
        _by_lane(tile, source, weights, weight_base, range(start, stop), pixels)


def _by_broadcast(
    tile: Tile, source: Source, weights: Pointer, weight_base: Expr, channels: range, pixels: Sequence[int]
) -> None:
    if len(channels) > LANE_BLOCK:
        with tile.emitter.loop(channels.stop, channels.start) as k:
            _prefetch(tile, weights, weight_base + k * tile.width)
            _add_channel(tile, source, weights, weight_base, k, pixels)
    else:
        for k in channels:
            _add_channel(tile, source, weights, weight_base, k, pixels)


def _prefetch(tile: Tile, weights: Pointer, index: Expr) -> None:
    if tile.ahead is not None:
        for u in range(tile.vectors):
            tile.emitter.prefetch(weights, index + (tile.ahead + u * tile.lanes))


def _add_channel(
    tile: Tile, source: Source, weights: Pointer, weight_base: Expr, k: Expr, pixels: Sequence[int]
) -> None:
    for p in pixels:
        value = source.pointer[source.first + (p * source.pixel_stride + k)]
        tile.add_pixel(p, value, weights, weight_base + k * tile.width)


def _by_lane(
    tile: Tile, source: Source, weights: Pointer, weight_base: Expr, channels: range, pixels: Sequence[int]
) -> None:
    """Blocks of four channels from channel 0 on, so that loads are as aligned as the pixels are."""
    block = -(-channels.start // LANE_BLOCK)
    _add_lanes(
        tile,
        source,
        weights,
        weight_base,
        range(channels.start, min(block * LANE_BLOCK, channels.stop)),
        pixels,
    )
    for turns, blocks in split_into_turns(channels.stop // LANE_BLOCK - block, _blocks_a_turn(tile)):
        with tile.emitter.loop(turns) as turn:
            for index in range(blocks):
                k = (turn * blocks + (block + index)) * LANE_BLOCK
                _add_block(tile, source, weights, weight_base, k, pixels)
        block += turns * blocks
    for k in range(max(channels.start, block * LANE_BLOCK), channels.stop):
        _add_channel(tile, source, weights, weight_base, k, pixels)


def _blocks_a_turn(tile: Tile) -> int:
    used = tile.pixels * tile.vectors + tile.vectors + tile.pixels
    return BLOCKS_A_TIGHT_TURN if tile.machine.registers - used <= TIGHT_REGISTERS else BLOCKS_A_TURN


def _add_lanes(
    tile: Tile, source: Source, weights: Pointer, weight_base: Expr, channels: range, pixels: Sequence[int]
) -> None:
    """The last channels of a block whose first ones belong to another source."""
    if not channels:
        return
    if channels.stop % LANE_BLOCK:  # the block is not whole: reading it might leave the tensor
        for k in channels:
            _add_channel(tile, source, weights, weight_base, k, pixels)
    else:
        block = channels.stop - LANE_BLOCK
        _add_block(tile, source, weights, weight_base, block, pixels, channels.start - block)


def _add_block(
    tile: Tile,
    source: Source,
    weights: Pointer,
    weight_base: Expr,
    k: Expr,
    pixels: Sequence[int],
    first_lane: int = 0,
) -> None:
    inputs = {p: _loaded(tile, source.pointer, source.first + (k + p * source.pixel_stride)) for p in pixels}
    for lane in range(first_lane, LANE_BLOCK):
        for p in pixels:
            tile.add_pixel(p, inputs[p][lane], weights, weight_base + (k + lane) * tile.width)


def _loaded(tile: Tile, pointer: Pointer, index: Expr) -> Pointer:
    e = tile.emitter
    register = e.register(LANE_BLOCK)
    e.store(register, 0, e.load(pointer, index, LANE_BLOCK), LANE_BLOCK)
    return register


def _few_channels(
    tile: Tile, source: Source, weights: Pointer, weight_base: Expr, channels: range, pixels: Sequence[int]
) -> None:
    taps = [
        Tap(weight_base + k * tile.width, {p: p * source.pixel_stride + k for p in pixels}) for k in channels
    ]
    multiply_add_taps(tile, source.pointer, source.first, weights, taps)


def multiply_add_taps(
    tile: Tile, inputs: Pointer, first: Expr, weights: Pointer, taps: Sequence[Tap]
) -> None:
    """Add to acc[p] x[first + offset] * w for each of the taps.

    Where inputs lie close together and lanes can be used one by one, a load brings four of them.

    Args:
        tile: Its accumulators.
        inputs: Where x is.
        first: Index that the offsets count from.
        weights: Packed weights.
        taps: What to add.
    """
    values = _values(tile, inputs, first, sorted({at for tap in taps for at in tap.offsets.values()}))
    for tap in taps:
        for p, offset in tap.offsets.items():
            tile.add_pixel(p, values[offset], weights, tap.weights)


def _values(tile: Tile, inputs: Pointer, first: Expr, offsets: list[int]) -> dict[int, Expr]:
    """The inputs at `offsets`, ascending, each as a lane of a vector or as a load of its own."""
    if not tile.machine.multiplies_by_lane:
        return {offset: inputs[first + offset] for offset in offsets}
    values: dict[int, Expr] = {}
    for offset in offsets:
        if offset in values:
            continue
        if offset + LANE_BLOCK - 1 <= offsets[-1]:
            register = _loaded(tile, inputs, first + offset)
            values.update({offset + lane: register[lane] for lane in range(LANE_BLOCK)})
        else:
            values[offset] = inputs[first + offset]
    return values
