"""The register tile that all convolutions share.

    acc[p][u] = bias[u]                      for p < pixels, u < vectors
    acc[p][u] += x[p] * w[u]                 for every input channel (and tap)
    y[p][u]   = activation(acc[p][u] + residual[p][u])

The tile's accumulators stay in registers from first to last: `pixels * vectors` of them, beside one register per
weight vector and one for the input.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tsm_edge.export.kernels.emitter import Emitter, Expr, Pointer
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.layers import Activation

__all__ = ["Source", "Tile", "activate"]

# Input channels loaded as one vector and used lane by lane; NEON's width.
LANE_BLOCK = 4


@dataclass(frozen=True)
class Source:
    """Where a tile's inputs are: channel k of pixel p is at `base(p) + k * channel_stride`."""

    pointer: Pointer
    base: Callable[[int], Expr]
    channel_stride: int = 1


@dataclass
class Tile:
    """`pixels` x `vectors` accumulators of `lanes` floats, and the code around them."""

    emitter: Emitter
    machine: Machine
    pixels: int
    vectors: int
    lanes: int
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
        channels: int,
        rows: list[int] | None = None,
    ) -> None:
        """Add to acc[p] x[p, k] * w[k] for k < channels; w[k] lies at `weight_base + k * width`.

        Args:
            source: Where the inputs are.
            weights: Packed weights.
            weight_base: Index of the first channel's weights.
            channels: How many input channels to add.
            rows: Pixels that take part, where padding leaves some out.
        """
        rows = list(range(self.pixels)) if rows is None else rows
        if self.machine.multiplies_by_lane and source.channel_stride == 1:
            blocks = channels // LANE_BLOCK
            if blocks:
                self._by_lane(source, weights, weight_base, blocks, rows)
            done = blocks * LANE_BLOCK
        else:
            done = 0
        self._by_broadcast(source, weights, weight_base, done, channels, rows)

    def _by_broadcast(
        self, source: Source, weights: Pointer, weight_base: Expr, first: int, stop: int, rows: list[int]
    ) -> None:
        if stop - first > LANE_BLOCK:
            with self.emitter.loop(stop, first) as k:
                self._add_channel(source, weights, weight_base, k, rows)
        else:
            for k in range(first, stop):
                self._add_channel(source, weights, weight_base, k, rows)

    def _add_channel(
        self, source: Source, weights: Pointer, weight_base: Expr, k: Expr, rows: list[int]
    ) -> None:
        for p in rows:
            self._add_pixel(
                p, source.pointer[source.base(p) + k * source.channel_stride], weights, weight_base, k
            )

    def _by_lane(
        self, source: Source, weights: Pointer, weight_base: Expr, blocks: int, rows: list[int]
    ) -> None:
        e = self.emitter
        with e.loop(blocks) as block:
            k = block * LANE_BLOCK
            inputs = {p: e.register(LANE_BLOCK) for p in rows}
            for p in rows:
                e.store(inputs[p], 0, e.load(source.pointer, source.base(p) + k, LANE_BLOCK), LANE_BLOCK)
            for lane in range(LANE_BLOCK):
                for p in rows:
                    self._add_pixel(p, inputs[p][lane], weights, weight_base, k + lane)

    def _add_pixel(self, p: int, value: Expr, weights: Pointer, weight_base: Expr, k: Expr) -> None:
        e = self.emitter
        for u, accumulator in enumerate(self.accumulators[p]):
            w = e.load(weights, weight_base + k * self.width + u * self.lanes, self.lanes)
            product = w * e.broadcast(value, self.lanes)
            e.store(accumulator, 0, e.load(accumulator, 0, self.lanes) + product, self.lanes)

    def multiply_add_each(
        self, inputs: Pointer, base: Callable[[int], Expr], weights: Pointer, weight_base: Expr
    ) -> None:
        """Add to acc[p][u] x[p][u] * w[u]: channel by channel, one tap of a depthwise convolution.

        Args:
            inputs: Where x is; pixel p's first channel lies at `base(p)`.
            base: Index by pixel.
            weights: One weight a channel of the tile, from `weight_base` on.
            weight_base: Index of the first one.
        """
        e, lanes = self.emitter, self.lanes
        for u in range(self.vectors):
            w = e.load(weights, weight_base + u * lanes, lanes)
            for p, row in enumerate(self.accumulators):
                product = e.load(inputs, base(p) + u * lanes, lanes) * w
                e.store(row[u], 0, e.load(row[u], 0, lanes) + product, lanes)

    def finish(
        self,
        out: Pointer,
        base: Callable[[int], Expr],
        activation: Activation,
        residual: Pointer | None = None,
    ) -> None:
        """Write y[p] = activation(acc[p] + residual[p]); pixel p's first channel lies at `base(p)` in both."""
        e = self.emitter
        for p, row in enumerate(self.accumulators):
            for u, accumulator in enumerate(row):
                index = base(p) + u * self.lanes
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
