"""Depthwise convolutions: one small filter a channel.

    y[i, j, c] = act(b[c] + sum_{r, t} x[i s + r - p, j s + t - p, c] w[r, t, c])

Channels last makes it vector times vector; neighbouring outputs of a tile share loads. It moves as many bytes as it
does multiply-adds, so it is bound by the caches, not by arithmetic.
"""

import numpy as np

from tsm_edge.export.kernels.call import KernelCall, Weights, write_call
from tsm_edge.export.kernels.emitter import Emitter, Expr, Pointer
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.tile import activate
from tsm_edge.export.kernels.window import Window
from tsm_edge.export.layers import Convolution, Layer

__all__ = ["NAME", "covers", "depthwise_pixels", "lower"]

NAME = "depthwise"

# Of a 3x3 filter: one vector each.
WEIGHTS = 9
# Registers that a tile leaves to what is being loaded, bias and bounds; twice as many where many loads are under way.
SPARE_REGISTERS = 4


def covers(layer: Layer) -> bool:
    """As many groups as channels, square kernel, nothing added."""
    return (
        isinstance(layer, Convolution)
        and layer.groups == layer.x.channels == layer.out.channels
        and layer.weight.shape[2] == layer.weight.shape[3]
        and layer.shift is None
        and layer.residual is None
        and not layer.x.planar
    )


def lower(layer: Layer, machine: Machine) -> KernelCall:
    """Write the kernel for `layer`; its weights become (kernel, kernel, channels)."""
    assert isinstance(layer, Convolution)
    x, kernel = layer.x, layer.weight.shape[2]
    body = _Body(layer, machine)
    window = f"k{kernel}s{layer.stride}p{layer.padding}"
    return write_call(
        rule=NAME,
        symbol=f"{NAME}_{x.height}x{x.width}x{x.channels}_{window}_{layer.activation}_t{body.pixels}x{body.lanes}",
        layer=f"depthwise {kernel}x{kernel}/{layer.stride} {x.channels} at {x.height}x{x.width}",
        operands={
            "x": x,
            "weights": Weights(np.ascontiguousarray(layer.weight[:, 0].transpose(1, 2, 0))),
            "bias": Weights(layer.bias),
            "y": layer.out,
        },
        units=layer.out.height,
        flop=2 * layer.out.size * kernel * kernel,
        body=body.write,
    )


def depthwise_pixels(machine: Machine) -> int:
    """Most pixels of a tile of one vector that keeps its accumulators in registers, and the weights where they fit."""
    resident = WEIGHTS if machine.registers > 2 * WEIGHTS else 0
    return machine.registers - resident - (2 if resident else 1) * SPARE_REGISTERS


class _Body:
    """One part is one output row; in it, channels go outside so that a tile's weights are read once a row."""

    def __init__(self, layer: Convolution, machine: Machine) -> None:
        self.layer = layer
        self.lanes = machine.lanes_for(layer.x.channels)
        self.pixels = depthwise_pixels(machine)
        self.window = Window(
            layer.x.height, layer.x.width, layer.weight.shape[2], layer.stride, layer.padding
        )

    def write(self, e: Emitter) -> None:
        with e.units() as row, e.loop(self.layer.x.channels // self.lanes) as block:
            self.window.for_each_tile(
                e, self.pixels, lambda pixels, column: self._tile(e, pixels, row, column, block * self.lanes)
            )

    def _tile(self, e: Emitter, pixels: int, row: Expr, column: Expr, channel: Expr) -> None:
        layer, lanes = self.layer, self.lanes
        accumulators = [e.register(lanes) for _ in range(pixels)]
        for accumulator in accumulators:
            e.store(accumulator, 0, e.load(e["bias"], channel, lanes), lanes)

        def whole() -> None:
            for r in range(self.window.kernel):
                self._kernel_row(e, accumulators, row, column, channel, r)

        def cut() -> None:
            first, stop = self.window.row_range(e, row)
            with e.loop(stop, first) as r:
                self._kernel_row(e, accumulators, row, column, channel, r)

        e.branch(self.window.has_all_rows(e, row), whole, cut)
        for p, accumulator in enumerate(accumulators):
            index = (row * layer.out.width + column + p) * layer.out.channels + channel
            e.store(e["y"], index, activate(e, e.load(accumulator, 0, lanes), layer.activation, lanes), lanes)

    def _kernel_row(
        self, e: Emitter, accumulators: list[Pointer], row: Expr, column: Expr, channel: Expr, r: Expr
    ) -> None:
        for t in range(self.window.kernel):
            self._tap(e, accumulators, row, column, channel, r, t)

    def _tap(
        self, e: Emitter, accumulators: list[Pointer], row: Expr, column: Expr, channel: Expr, r: Expr, t: int
    ) -> None:
        layer, x, lanes = self.layer, self.layer.x, self.lanes
        weight = e.load(e["weights"], (r * self.window.kernel + t) * x.channels + channel, lanes)
        line = (row * layer.stride + r - layer.padding) * x.width
        for p in self.window.rows_inside(column, len(accumulators), t):
            pixel = line + (column + p) * layer.stride + (t - layer.padding)
            value = e.load(e["x"], pixel * x.channels + channel, lanes) * weight
            e.store(accumulators[p], 0, e.load(accumulators[p], 0, lanes) + value, lanes)
