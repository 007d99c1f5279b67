"""A whole inverted residual block as one kernel: the hidden tensor, six times as wide as the block, is never stored.

    h[q, c]    = act(b1[c] + sum_k shifted(x)[q, k] w1[k, c])                    expansion, or the stem
    d[i, j, c] = act(b2[c] + sum_{r, t} h[i s + r - 1, j s + t - 1, c] w2[r, t, c])    depthwise 3x3
    y[p, o]    = b3[o] + sum_c d[p, c] w3[c, o] + residual[p, o]                 projection

Output row by output row. Each one needs three hidden rows, of which s are new; they lie in a ring of three rows, per
panel of hidden channels, small enough for the first cache:

    ring [panel][row mod 3][vector][1 + column + 1][lane], zeros left and right
    line [column][hidden channel], the depthwise result of one row

The first block has no expansion; the network's stem, a 3x3 convolution, takes its place. Ring and line are scratch of
the thread. A thread that begins in the middle of the picture computes the rows above its first
one again: same values, so any split gives the same bits.
"""

import numpy as np

from tsm_edge.export.kernels.call import (
    KernelCall,
    Operand,
    Scratch,
    ShiftBuffer,
    Weights,
    write_call,
)
from tsm_edge.export.kernels.convolution import accumulate, window_of
from tsm_edge.export.kernels.depthwise import depthwise_pixels
from tsm_edge.export.kernels.emitter import Emitter, Expr, Pointer
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.pack import pack_bias, pack_panels
from tsm_edge.export.kernels.products import Source, multiply_add
from tsm_edge.export.kernels.tile import Tile
from tsm_edge.export.kernels.tiling import TileShape, choose_tile, split_evenly
from tsm_edge.export.layers import FLOAT_BYTES, Convolution, InvertedResidual, Layer

__all__ = ["NAME", "covers", "lower", "pays"]

NAME = "inverted-residual"

KERNEL = 3
# Two hidden rows more than a share of rows needs are computed at its borders: some 7 % of the expansion at that many.
LEAST_ROWS = 14
# By lane, each vector of the expansion's bias is stored so often: one load then sets two accumulators of neighbouring
# pixels, where a copy from register to register sets one.
BIAS_COPIES = 8
# Stores in one turn of a loop that only stores.
MOST_STORES = 16


def covers(layer: Layer) -> bool:
    """Blocks with a 3x3 depthwise convolution, padded by one."""
    return (
        isinstance(layer, InvertedResidual)
        and layer.depthwise.weight.shape[2:] == (KERNEL, KERNEL)
        and layer.depthwise.padding == 1
        and layer.depthwise.stride in (1, 2)
        and layer.expand.groups == 1
    )


def pays(block: InvertedResidual, l2_bytes: int) -> bool:
    """Whether fusing is faster: all weights are read again for every row, so they must stay in the second cache."""
    weights = block.expand.weight.size + block.project.weight.size
    return FLOAT_BYTES * weights <= l2_bytes // 2


def lower(layer: Layer, machine: Machine) -> KernelCall:
    """Write the kernel for `layer` and pack its weights."""
    assert isinstance(layer, InvertedResidual)
    body = _Body(layer, machine)
    expand, depthwise, project = layer.expand, layer.depthwise, layer.project
    operands: dict[str, Operand] = {
        "x": expand.x,
        "expand_weights": Weights(pack_panels(expand.weight, body.hidden.width)),
        "expand_bias": Weights(pack_bias(expand.bias, body.hidden.lanes, body.bias_copies)),
        "depthwise_weights": Weights(_pack_depthwise(depthwise, body.hidden.width)),
        "depthwise_bias": Weights(depthwise.bias),
        "project_weights": Weights(pack_panels(project.weight, body.out.width)),
        "project_bias": Weights(project.bias),
    }
    if expand.shift:
        operands["shift_buffer"] = ShiftBuffer(expand.shift.buffer, expand.x.pixels * expand.shift.channels)
    if project.residual and project.residual != expand.x:
        operands["residual"] = project.residual
    operands["scratch"] = Scratch(body.ring_floats + body.line_floats)
    operands["y"] = project.out
    return write_call(
        rule=NAME,
        symbol=_symbol(layer, body),
        layer=_description(layer),
        operands=operands,
        units=project.out.height,
        flop=_flop(layer),
        body=body.write,
        least_units=LEAST_ROWS,
    )


def _description(layer: InvertedResidual) -> str:
    x, kind = layer.expand.x, "block" if layer.expand.weight.shape[2] == 1 else "stem and block"
    channels = f"{x.channels}->{layer.expand.out.channels}->{layer.project.out.channels}"
    return f"{kind} {channels}/{layer.expand.stride * layer.depthwise.stride} at {x.height}x{x.width}"


def _flop(layer: InvertedResidual) -> int:
    expand, depthwise, project = layer.expand, layer.depthwise, layer.project
    weights_per_output = int(depthwise.weight.size + project.weight.size)
    return 2 * (expand.out.pixels * int(expand.weight.size) + project.out.pixels * weights_per_output)


def _pack_depthwise(layer: Convolution, width: int) -> np.ndarray:
    """(C, 1, 3, 3) -> (C / width, 3, 3, width): a panel's nine taps follow each other."""
    panels = layer.weight.reshape(-1, width, KERNEL, KERNEL)
    return np.ascontiguousarray(panels.transpose(0, 2, 3, 1))


def _symbol(layer: InvertedResidual, body: "_Body") -> str:
    expand, depthwise, project = layer.expand, layer.depthwise, layer.project
    x = expand.x
    window = f"k{expand.weight.shape[2]}s{expand.stride}p{expand.padding}"
    shift = f"_shift{expand.shift.channels}" if expand.shift else ""
    residual = "" if project.residual is None else "_add" if project.residual == x else "_add_other"
    return (
        f"block_{x.height}x{x.width}_{x.channels}{'_planar' if x.planar else ''}_{window}_{expand.out.channels}"
        f"_{project.out.channels}_s{depthwise.stride}{shift}{residual}"
        f"_{expand.activation}_{depthwise.activation}_{project.activation}"
        f"_t{body.hidden.text}_{body.out.text}"
    )


class _Body:
    """Writes the three parts of an output row."""

    def __init__(self, layer: InvertedResidual, machine: Machine) -> None:
        self.layer = layer
        self.machine = machine
        self.window = window_of(layer.expand)
        self.width = layer.expand.out.width
        hidden, out = layer.expand.out, layer.project.out
        self.hidden: TileShape = choose_tile(
            hidden.width, hidden.channels, machine, layer.expand.weight[0].size, uniform=True
        )
        self.out: TileShape = choose_tile(out.width, out.channels, machine, hidden.channels)
        self.panels = layer.expand.out.channels // self.hidden.width
        self.vector_floats = (self.width + 2) * self.hidden.lanes
        self.row_floats = self.hidden.vectors * self.vector_floats
        self.ring_floats = self.panels * KERNEL * self.row_floats
        self.bias_copies = BIAS_COPIES if machine.multiplies_by_lane else 1
        self.line_floats = layer.project.out.width * layer.expand.out.channels

    def write(self, e: Emitter) -> None:
        stride = self.layer.depthwise.stride
        with e.units() as row:
            bottom = row * stride + 2
            first = e.select(row == e.begin, row * stride - 1, bottom - stride)
            with e.loop(self.panels) as panel:
                with e.loop(bottom, first) as in_row:
                    self._hidden_row(e, panel, in_row)
                self._depthwise(e, panel, row)
            self._project(e, row)

    # Expansion.

    def _ring(self, panel: Expr, in_row: Expr) -> Expr:
        """Start of a hidden row in the ring; -1 is the row of zeros above the picture."""
        return (panel * KERNEL + (in_row + KERNEL) % KERNEL) * self.row_floats

    def _hidden_row(self, e: Emitter, panel: Expr, in_row: Expr) -> None:
        start = self._ring(panel, in_row)

        def expand() -> None:
            with e.loop(self.hidden.vectors) as u:
                self._zero(e, start + u * self.vector_floats, 1)
                self._zero(e, start + (u + 1) * self.vector_floats - self.hidden.lanes, 1)
            self.window.for_each_tile(
                e,
                self.hidden.pixels,
                lambda pixels, column: self._expand(e, panel, in_row, column, pixels, start),
            )

        inside = e.both(in_row >= 0, in_row < self.layer.expand.out.height)
        e.branch(inside, expand, lambda: self._zero_row(e, panel, start))

    def _zero(self, e: Emitter, start: Expr, vectors: int) -> None:
        lanes = self.hidden.lanes
        with e.loop(vectors) as vector:
            e.store(e["scratch"], start + vector * lanes, e.constant(0.0, lanes), lanes)

    def _zero_row(self, e: Emitter, panel: Expr, start: Expr) -> None:
        """A row above or below the picture."""
        lanes, vectors = self.hidden.lanes, self.row_floats // self.hidden.lanes
        if self.bias_copies == 1:
            self._zero(e, start, vectors)
            return
        # A zero that LLVM does not see through, or it calls memset: 0.16 M instructions of a frame more on an emulated
        # Cortex-A57.
        bias, index = e["expand_bias"], panel * self.hidden.width * self.bias_copies
        zero = e.register(lanes)
        e.store(zero, 0, e.load(bias, index, lanes) - e.load(bias, index + lanes, lanes), lanes)
        stores = max(n for n in range(1, MOST_STORES + 1) if vectors % n == 0)
        with e.loop(vectors // stores) as turn:
            for n in range(stores):
                e.store(e["scratch"], start + (turn * stores + n) * lanes, e.load(zero, 0, lanes), lanes)

    def _expand(self, e: Emitter, panel: Expr, in_row: Expr, column: Expr, pixels: int, start: Expr) -> None:
        layer, width = self.layer.expand, self.hidden.width
        tile = Tile(e, self.machine, pixels, self.hidden.vector_lanes)
        tile.start(e["expand_bias"], panel * width, self.bias_copies)
        accumulate(e, tile, layer, e["expand_weights"], in_row, column, panel)
        tile.finish(
            e["scratch"],
            lambda p: start + (column + p + 1) * self.hidden.lanes,
            layer.activation,
            vector_stride=self.vector_floats,
        )

    # Depthwise: ring to line.

    def _depthwise(self, e: Emitter, panel: Expr, row: Expr) -> None:
        """Vector by vector, whose nine weights stay in registers for the whole row."""
        most = depthwise_pixels(self.machine)
        with e.loop(self.hidden.vectors) as u:
            channel = panel * self.hidden.width + u * self.hidden.lanes
            weights = self._depthwise_weights(e, panel, u)
            for first, tiles, pixels in split_evenly(self.layer.project.out.width, most).groups():
                with e.loop(tiles) as tile:
                    column = first + tile * pixels
                    self._depthwise_tile(e, (panel, row, u), channel, column, pixels, weights)

    def _depthwise_weights(self, e: Emitter, panel: Expr, u: Expr) -> list[list[Pointer]]:
        lanes, width = self.hidden.lanes, self.hidden.width
        weights = [[e.register(lanes) for _ in range(KERNEL)] for _ in range(KERNEL)]
        for r, row in enumerate(weights):
            for t, register in enumerate(row):
                index = (panel * (KERNEL * KERNEL) + (r * KERNEL + t)) * width + u * lanes
                e.store(register, 0, e.load(e["depthwise_weights"], index, lanes), lanes)
        return weights

    def _depthwise_tile(
        self,
        e: Emitter,
        place: tuple[Expr, Expr, Expr],
        channel: Expr,
        column: Expr,
        pixels: int,
        weights: list[list[Pointer]],
    ) -> None:
        layer, lanes = self.layer.depthwise, self.hidden.lanes
        panel, row, u = place
        tile = Tile(e, self.machine, pixels, (lanes,))
        tile.start(e["depthwise_bias"], channel)
        for r in range(KERNEL):
            start = self._ring(panel, row * layer.stride + (r - 1)) + u * self.vector_floats
            tile.multiply_add_row(
                e["scratch"], start + column * (layer.stride * lanes), layer.stride, weights[r]
            )
        line = self.ring_floats + channel
        hidden = self.layer.expand.out.channels
        tile.finish(e["scratch"], lambda p: line + (column + p) * hidden, layer.activation)

    # Projection.

    def _project(self, e: Emitter, row: Expr) -> None:
        out = self.layer.project.out
        with e.loop(out.channels // self.out.width) as panel:
            for first, tiles, pixels in split_evenly(out.width, self.out.pixels).groups():
                with e.loop(tiles) as tile:
                    self._project_tile(e, panel, row, first + tile * pixels, pixels)

    def _project_tile(self, e: Emitter, panel: Expr, row: Expr, column: Expr, pixels: int) -> None:
        layer, hidden, width = self.layer.project, self.layer.expand.out.channels, self.out.width
        tile = Tile(e, self.machine, pixels, self.out.vector_lanes)
        tile.start(e["project_bias"], panel * width)
        line = Source(e["scratch"], self.ring_floats + column * hidden, hidden)
        multiply_add(tile, line, e["project_weights"], panel * (hidden * width), hidden)
        tile.finish(
            e["y"],
            lambda p: (row * layer.out.width + column + p) * layer.out.channels + panel * width,
            layer.activation,
            self._residual(e),
        )

    def _residual(self, e: Emitter) -> Expr | None:
        """A block's residual is its own input, which the kernel has already."""
        if self.layer.project.residual is None:
            return None
        return e["x"] if self.layer.project.residual == self.layer.expand.x else e["residual"]
