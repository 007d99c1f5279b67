"""Full convolutions of any kernel size: the stem, ResNet's 3x3 and its strided shortcuts.

    y[i, j, o] = act(b[o] + sum_{r, t, k} x[i s + r - p, j s + t - p, k] w[r, t, k, o] + residual[i, j, o])

Direct, without an im2col copy and without a padded one. Where a temporal shift stands in front (ResNet-18), the first
input channels are read from the shift buffer instead of x. The stem reads the frame as it arrives, planar; everything
else is channels last.
"""

from tsm_edge.export.kernels.call import KernelCall, convolution_operands, write_call
from tsm_edge.export.kernels.emitter import Emitter, Expr, Pointer
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.products import Source, Tap, multiply_add, multiply_add_taps
from tsm_edge.export.kernels.tile import Tile
from tsm_edge.export.kernels.tiling import TileShape, choose_tile
from tsm_edge.export.kernels.window import Window
from tsm_edge.export.layers import Convolution, Layer

__all__ = ["NAME", "accumulate", "covers", "lower", "window_of"]

NAME = "convolution"


def covers(layer: Layer) -> bool:
    """Square kernel, no groups; a shift only on channels-last input."""
    return (
        isinstance(layer, Convolution)
        and layer.groups == 1
        and layer.weight.shape[2] == layer.weight.shape[3]
        and not (layer.shift and layer.x.planar)
    )


def lower(layer: Layer, machine: Machine) -> KernelCall:
    """Write the kernel for `layer` and pack its weights."""
    assert isinstance(layer, Convolution)
    shape = choose_tile(
        layer.out.width, layer.out.channels, machine, layer.weight[0].size, layer.stride * layer.x.channels
    )
    kernel = layer.weight.shape[2]
    return write_call(
        rule=NAME,
        symbol=_symbol(layer, shape),
        layer=f"{kernel}x{kernel}/{layer.stride} {layer.x.channels}->{layer.out.channels}"
        f" at {layer.x.height}x{layer.x.width}",
        operands=convolution_operands(layer, shape.width),
        units=layer.out.channels // shape.width * layer.out.height,
        flop=2 * layer.out.pixels * layer.weight.size,
        body=_Body(layer, shape, machine).write,
    )


def _symbol(layer: Convolution, shape: TileShape) -> str:
    x, kernel = layer.x, layer.weight.shape[2]
    size = f"{x.height}x{x.width}x{x.channels}x{layer.out.channels}{'_planar' if x.planar else ''}"
    window = f"k{kernel}s{layer.stride}p{layer.padding}"
    shift = f"_shift{layer.shift.channels}" if layer.shift else ""
    residual = "_add" if layer.residual else ""
    return f"{NAME}_{size}_{window}{shift}{residual}_{layer.activation}_t{shape.text}"


class _Body:
    """One part is one panel of output channels in one output row; a panel's rows follow each other."""

    def __init__(self, layer: Convolution, shape: TileShape, machine: Machine) -> None:
        self.layer = layer
        self.shape = shape
        self.machine = machine
        self.window = window_of(layer)

    def write(self, e: Emitter) -> None:
        rows = self.layer.out.height
        with e.units() as unit:
            panel, row = unit // rows, unit % rows
            self.window.for_each_tile(
                e, self.shape.pixels, lambda pixels, column: self._tile(e, pixels, row, column, panel)
            )

    def _tile(self, e: Emitter, pixels: int, row: Expr, column: Expr, panel: Expr) -> None:
        layer, width = self.layer, self.shape.width
        tile = Tile(e, self.machine, pixels, self.shape.vector_lanes)
        tile.start(e["bias"], panel * width)
        accumulate(e, tile, layer, e["weights"], row, column, panel)
        tile.finish(
            e["y"],
            lambda p: (row * layer.out.width + column + p) * layer.out.channels + panel * width,
            layer.activation,
            e["residual"] if layer.residual else None,
        )


def window_of(layer: Convolution) -> Window:
    """The layer's window over its input."""
    return Window(layer.x.height, layer.x.width, layer.weight.shape[2], layer.stride, layer.padding)


def accumulate(
    e: Emitter, tile: Tile, layer: Convolution, weights: Pointer, row: Expr, column: Expr, panel: Expr
) -> None:
    """Add all taps of `layer` to a tile of outputs from (`row`, `column`) on; reads operands x and shift_buffer.

    Args:
        e: The kernel being written.
        tile: Accumulators of the outputs.
        layer: What to add.
        weights: Packed in panels of the tile's width.
        row: Output row.
        column: First output column; a number where the tile may touch a border (see `Window`).
        panel: Panel of output channels.
    """
    window = window_of(layer)
    first, stop = window.row_range(e, row)
    with e.loop(stop, first) as r:
        line = (row * layer.stride + r - layer.padding) * layer.x.width + column * layer.stride
        tap = (panel * window.kernel + r) * window.kernel
        add = _add_planar_row if layer.x.planar else _add_row
        add(e, tile, layer, weights, (line, column, tap))


def _add_row(
    e: Emitter, tile: Tile, layer: Convolution, weights: Pointer, place: tuple[Expr, Expr, Expr]
) -> None:
    """Add a kernel row: `line` is the input pixel under output 0's padding-th tap, `tap` the row's first one."""
    x, (line, column, tap) = layer.x, place
    window = window_of(layer)
    fold = layer.shift.channels if layer.shift else 0
    for t in range(window.kernel):
        inside = window.rows_inside(column, tile.pixels, t)
        base = (tap + t) * (x.channels * tile.width)
        pixel = line + (t - layer.padding)
        if fold:
            previous = Source(e["shift_buffer"], pixel * fold, layer.stride * fold)
            multiply_add(tile, previous, weights, base, fold, pixels=inside)
        present = Source(e["x"], pixel * x.channels, layer.stride * x.channels)
        multiply_add(tile, present, weights, base, x.channels, start=fold, pixels=inside)


def _add_planar_row(
    e: Emitter, tile: Tile, layer: Convolution, weights: Pointer, place: tuple[Expr, Expr, Expr]
) -> None:
    """The same for a planar input, whose neighbouring columns lie side by side: plane by plane, all taps at once."""
    x, (line, column, tap) = layer.x, place
    window = window_of(layer)
    for plane in range(x.channels):
        taps = [
            Tap(
                (tap + t) * (x.channels * tile.width) + plane * tile.width,
                {
                    p: p * layer.stride + (t - layer.padding)
                    for p in window.rows_inside(column, tile.pixels, t)
                },
            )
            for t in range(window.kernel)
        ]
        multiply_add_taps(tile, e["x"], plane * x.pixels + line, weights, taps)
