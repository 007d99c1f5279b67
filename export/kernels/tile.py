"""The register tile that all convolutions share; products.py adds input channels to it.

    acc[p][u] = bias[u]                      for p < pixels, u < vectors
    acc[p][u] += x[p] * w[u]                 for every input channel (and tap)
    y[p][u]   = activation(acc[p][u] + residual[p][u])

The tile's accumulators stay in registers from first to last: `pixels * vectors` of them, beside one register per
weight vector and one for the input.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tsm_edge.export.kernels.emitter import Emitter, Expr, Pointer
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.layers import Activation

__all__ = ["Tile", "activate"]


@dataclass
class Tile:
    """Accumulators for `pixels` pixels, and the code around them.

    Attributes:
        vector_lanes: Floats of each of a pixel's vectors; the last one may be narrower than the others.
        ahead: How many floats ahead weights are prefetched, where that pays.
    """

    emitter: Emitter
    machine: Machine
    pixels: int
    vector_lanes: tuple[int, ...]
    ahead: int | None = None
    accumulators: list[list[Pointer]] = field(init=False)

    def __post_init__(self) -> None:
        self.accumulators = [
            [self.emitter.register(lanes) for lanes in self.vector_lanes] for _ in range(self.pixels)
        ]

    @property
    def vectors(self) -> int:
        """Vectors of a pixel."""
        return len(self.vector_lanes)

    @property
    def lanes(self) -> int:
        """Floats of a vector, and from one to the next."""
        return self.vector_lanes[0]

    @property
    def width(self) -> int:
        """Output channels of the tile."""
        return sum(self.vector_lanes)

    def start(self, bias: Pointer, channel: Expr, copies: int = 1) -> None:
        """Set acc to the bias, from output channel `channel` on; each of its vectors is stored `copies` times."""
        e = self.emitter
        for p, row in enumerate(self.accumulators):
            for u, lanes in enumerate(self.vector_lanes):
                index = (channel + u * self.lanes) * copies + p % copies * self.lanes
                e.store(row[u], 0, e.load(bias, index, lanes), lanes)

    def add_pixel(self, p: int, value: Expr, weights: Pointer, index: Expr) -> None:
        """Add to acc[p] `value` in all lanes times the weights from `index` on."""
        e = self.emitter
        for u, lanes in enumerate(self.vector_lanes):
            accumulator = self.accumulators[p][u]
            w = e.load(weights, index + u * self.lanes, lanes)
            product = w * e.broadcast(value, lanes)
            e.store(accumulator, 0, e.load(accumulator, 0, lanes) + product, lanes)

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
            for u, lanes in enumerate(self.vector_lanes):
                index = base(p) + u * step
                value = e.load(row[u], 0, lanes)
                if residual is not None:
                    value = value + e.load(residual, index, lanes)
                e.store(out, index, activate(e, value, activation, lanes), lanes)


def activate(e: Emitter, value: Expr, activation: Activation, lanes: int) -> Expr:
    """`value` after the activation."""
    if activation == "none":
        return value
    value = e.maximum(value, e.constant(0.0, lanes))
    return e.minimum(value, e.constant(6.0, lanes)) if activation == "relu6" else value
