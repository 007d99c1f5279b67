"""The register tile that all convolutions share.

    acc[p][u] = bias[u]                      for p < pixels, u < vectors
    acc[p][u] += x[p] * w[u]                 for every input channel (and tap)
    y[p][u]   = activation(acc[p][u] + residual[p][u])

The tile's accumulators stay in registers from first to last: `pixels * vectors` of them, beside one register per
weight vector and one for the input.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tsm_edge.export.kernels.emitter import Emitter, Expr, Pointer
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.tiling import split_into_turns
from tsm_edge.export.layers import Activation

__all__ = ["Source", "Tap", "Tile", "activate"]

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


@dataclass
class Tile:
    """`pixels` x `vectors` accumulators of `lanes` floats, and the code around them.

    Attributes:
        ahead: How many floats ahead weights are prefetched, where that pays.
    """

    emitter: Emitter
    machine: Machine
    pixels: int
    vectors: int
    lanes: int
    ahead: int | None = None
    accumulators: list[list[Pointer]] = field(init=False)

    def __post_init__(self) -> None:
        registers = [
            [self.emitter.register(self.lanes) for _ in range(self.vectors)] for _ in range(self.pixels)
        ]
        self.accumulators = registers

    @property
    def width(self) -> int:
        """Output channels of the tile."""
        return self.vectors * self.lanes

    def start(self, bias: Pointer, channel: Expr) -> None:
        """Set acc to the bias, from output channel `channel` on."""
        e = self.emitter
        for row in self.accumulators:
            for u, accumulator in enumerate(row):
                e.store(accumulator, 0, e.load(bias, channel + u * self.lanes, self.lanes), self.lanes)

    def multiply_add(
        self,
        source: Source,
        weights: Pointer,
        weight_base: Expr,
        stop: int,
        start: int = 0,
        pixels: Sequence[int] | None = None,
    ) -> None:
        """Add to acc[p] x[p, k] * w[k] for start <= k < stop; w[k] lies at `weight_base + k * width`.

        Args:
            source: Where the inputs are; all channels from 0 to `stop` may be read.
            weights: Packed weights.
            weight_base: Index of channel 0's weights.
            stop: One more than the last input channel.
            start: First input channel.
            pixels: Those that take part, where padding leaves some out.
        """
        pixels = range(self.pixels) if pixels is None else pixels
        if not self.machine.multiplies_by_lane:
            self._by_broadcast(source, weights, weight_base, range(start, stop), pixels)
        elif source.pixel_stride < LANE_BLOCK:
            self._few_channels(source, weights, weight_base, range(start, stop), pixels)
        else:
            self._by_lane(source, weights, weight_base, range(start, stop), pixels)

    def _by_broadcast(
        self, source: Source, weights: Pointer, weight_base: Expr, channels: range, pixels: Sequence[int]
    ) -> None:
        if len(channels) > LANE_BLOCK:
            with self.emitter.loop(channels.stop, channels.start) as k:
                self._prefetch(weights, weight_base + k * self.width)
                self._add_channel(source, weights, weight_base, k, pixels)
        else:
            for k in channels:
                self._add_channel(source, weights, weight_base, k, pixels)

    def _prefetch(self, weights: Pointer, index: Expr) -> None:
        if self.ahead is not None:
            for u in range(self.vectors):
                self.emitter.prefetch(weights, index + (self.ahead + u * self.lanes))

    def _add_channel(
        self, source: Source, weights: Pointer, weight_base: Expr, k: Expr, pixels: Sequence[int]
    ) -> None:
        for p in pixels:
            value = source.pointer[source.first + (p * source.pixel_stride + k)]
            self._add_pixel(p, value, weights, weight_base + k * self.width)

    def _by_lane(
        self, source: Source, weights: Pointer, weight_base: Expr, channels: range, pixels: Sequence[int]
    ) -> None:
        """Blocks of four channels from channel 0 on, so that loads are as aligned as the pixels are."""
        block = -(-channels.start // LANE_BLOCK)
        self._add_lanes(
            source,
            weights,
            weight_base,
            range(channels.start, min(block * LANE_BLOCK, channels.stop)),
            pixels,
        )
        for turns, blocks in split_into_turns(channels.stop // LANE_BLOCK - block, self._blocks_a_turn()):
            with self.emitter.loop(turns) as turn:
                for index in range(blocks):
                    k = (turn * blocks + (block + index)) * LANE_BLOCK
                    self._add_block(source, weights, weight_base, k, pixels)
            block += turns * blocks
        for k in range(max(channels.start, block * LANE_BLOCK), channels.stop):
            self._add_channel(source, weights, weight_base, k, pixels)

    def _blocks_a_turn(self) -> int:
        used = self.pixels * self.vectors + self.vectors + self.pixels
        return BLOCKS_A_TIGHT_TURN if self.machine.registers - used <= TIGHT_REGISTERS else BLOCKS_A_TURN

    def _add_lanes(
        self, source: Source, weights: Pointer, weight_base: Expr, channels: range, pixels: Sequence[int]
    ) -> None:
        """The last channels of a block whose first ones belong to another source."""
        if not channels:
            return
        if channels.stop % LANE_BLOCK:  # the block is not whole: reading it might leave the tensor
            for k in channels:
                self._add_channel(source, weights, weight_base, k, pixels)
        else:
            block = channels.stop - LANE_BLOCK
            self._add_block(source, weights, weight_base, block, pixels, channels.start - block)

    def _add_block(
        self,
        source: Source,
        weights: Pointer,
        weight_base: Expr,
        k: Expr,
        pixels: Sequence[int],
        first_lane: int = 0,
    ) -> None:
        inputs = {
            p: self._loaded(source.pointer, source.first + (k + p * source.pixel_stride)) for p in pixels
        }
        for lane in range(first_lane, LANE_BLOCK):
            for p in pixels:
                self._add_pixel(p, inputs[p][lane], weights, weight_base + (k + lane) * self.width)

    def _loaded(self, pointer: Pointer, index: Expr) -> Pointer:
        e = self.emitter
        register = e.register(LANE_BLOCK)
        e.store(register, 0, e.load(pointer, index, LANE_BLOCK), LANE_BLOCK)
        return register

    def _few_channels(
        self, source: Source, weights: Pointer, weight_base: Expr, channels: range, pixels: Sequence[int]
    ) -> None:
        taps = [
            Tap(weight_base + k * self.width, {p: p * source.pixel_stride + k for p in pixels})
            for k in channels
        ]
        self.multiply_add_taps(source.pointer, source.first, weights, taps)

    def multiply_add_taps(self, inputs: Pointer, first: Expr, weights: Pointer, taps: Sequence[Tap]) -> None:
        """Add to acc[p] x[first + offset] * w for each of the taps.

        Where inputs lie close together and lanes can be used one by one, a load brings four of them.

        Args:
            inputs: Where x is.
            first: Index that the offsets count from.
            weights: Packed weights.
            taps: What to add.
        """
        values = self._values(inputs, first, sorted({at for tap in taps for at in tap.offsets.values()}))
        for tap in taps:
            for p, offset in tap.offsets.items():
                self._add_pixel(p, values[offset], weights, tap.weights)

    def _values(self, inputs: Pointer, first: Expr, offsets: list[int]) -> dict[int, Expr]:
        """The inputs at `offsets`, ascending, each as a lane of a vector or as a load of its own."""
        if not self.machine.multiplies_by_lane:
            return {offset: inputs[first + offset] for offset in offsets}
        values: dict[int, Expr] = {}
        for offset in offsets:
            if offset in values:
                continue
            if offset + LANE_BLOCK - 1 <= offsets[-1]:
                register = self._loaded(inputs, first + offset)
                values.update({offset + lane: register[lane] for lane in range(LANE_BLOCK)})
            else:
                values[offset] = inputs[first + offset]
        return values

    def _add_pixel(self, p: int, value: Expr, weights: Pointer, index: Expr) -> None:
        e = self.emitter
        for u, accumulator in enumerate(self.accumulators[p]):
            w = e.load(weights, index + u * self.lanes, self.lanes)
            product = w * e.broadcast(value, self.lanes)
            e.store(accumulator, 0, e.load(accumulator, 0, self.lanes) + product, self.lanes)

    def multiply_add_row(self, inputs: Pointer, first: Expr, stride: int, weights: Sequence[Pointer]) -> None:
        """Add one kernel row of a depthwise convolution, for a tile of one vector.

            acc[p] += x[first + (p * stride + t) * lanes] * w[t]

        Column by column: each input is loaded once and given to all outputs that it belongs to.

        Args:
            inputs: Where x is, neighbouring columns `lanes` apart.
            first: Index of the first column.
            stride: Of the convolution.
            weights: One register a tap.
        """
        e, lanes = self.emitter, self.lanes
        for column in range((self.pixels - 1) * stride + len(weights)):
            value = e.register(lanes)
            e.store(value, 0, e.load(inputs, first + column * lanes, lanes), lanes)
            for t, w in enumerate(weights):
                p, between = divmod(column - t, stride)
                if not between and 0 <= p < self.pixels:
                    accumulator = self.accumulators[p][0]
                    product = e.load(value, 0, lanes) * e.load(w, 0, lanes)
                    e.store(accumulator, 0, e.load(accumulator, 0, lanes) + product, lanes)

    def expect(self, residual: Pointer, base: Callable[[int], Expr]) -> None:
        """Prefetch what `finish` will add: the tile takes long enough for it to arrive."""
        if (
            self.machine.multiplies_by_lane
        ):  # a prefetch costs an instruction where instructions are what counts
            return
        for p in range(self.pixels):
            for u in range(self.vectors):
                self.emitter.prefetch(residual, base(p) + u * self.lanes)

    def finish(
        self,
        out: Pointer,
        base: Callable[[int], Expr],
        activation: Activation,
        residual: Pointer | None = None,
        vector_stride: int | None = None,
    ) -> None:
        """Write y[p] = activation(acc[p] + residual[p]); pixel p's first channel lies at `base(p)` in both.

        Vectors of a pixel follow each other, or lie `vector_stride` floats apart.
        """
        step = vector_stride or self.lanes
        e = self.emitter
        for p, row in enumerate(self.accumulators):
            for u, accumulator in enumerate(row):
                index = base(p) + u * step
                value = e.load(accumulator, 0, self.lanes)
                if residual is not None:
                    value = value + e.load(residual, index, self.lanes)
                e.store(out, index, activate(e, value, activation, self.lanes), self.lanes)


def activate(e: Emitter, value: Expr, activation: Activation, lanes: int) -> Expr:
    """`value` after the activation."""
    if activation == "none":
        return value
    value = e.maximum(value, e.constant(0.0, lanes))
    return e.minimum(value, e.constant(6.0, lanes)) if activation == "relu6" else value
