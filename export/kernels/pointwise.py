"""1x1 convolutions, the bulk of a MobileNet: with temporal shift, bias, residual and activation in one pass.

    y[p, o] = act(b[o] + sum_{k < f} s[p, k] w[k, o] + sum_{f <= k} x[p, k] w[k, o] + r[p, o])

s is the shift buffer (the previous frame's first f channels), read where the first f channels of x would be:
shifting costs no copy. Pixels form tiles, output channels panels. Of inputs and weights the larger one is read once,
by the outer loop, and the smaller one again for each of its parts, out of the cache.
"""

from tsm_edge.export.kernels.call import KernelCall, convolution_operands, write_call
from tsm_edge.export.kernels.emitter import Emitter, Expr
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.products import Source, multiply_add
from tsm_edge.export.kernels.tile import Tile
from tsm_edge.export.kernels.tiling import TileShape, choose_tile, split_evenly
from tsm_edge.export.layers import FLOAT_BYTES, Convolution, Layer

__all__ = ["NAME", "covers", "lower"]

NAME = "pointwise"

# Weights come from far away, each panel once a frame: the next one is fetched while this one is used. Measured on
# Zen 4: 3 to 5 % for panels of 12 and 20 KB, 1 % for 41 KB; a loss of 1 to 3 % for 74 KB and more, whose lines are gone
# by then.
MOST_PREFETCHED = 64 << 10
# A residual that was written before the second cache was full of other things is asked for when its tile begins.
LEAST_RESIDUAL = 512 << 10


def covers(layer: Layer) -> bool:
    """1x1, stride 1, no groups, on channels-last input."""
    return (
        isinstance(layer, Convolution)
        and layer.weight.shape[2:] == (1, 1)
        and (layer.stride, layer.padding, layer.groups) == (1, 0, 1)
        and not layer.x.planar
    )


def lower(layer: Layer, machine: Machine) -> KernelCall:
    """Write the kernel for `layer` and pack its weights."""
    assert isinstance(layer, Convolution)
    shape = choose_tile(layer.x.pixels, layer.out.channels, machine, layer.x.channels, layer.x.channels)
    body = _Body(layer, shape, machine)
    return write_call(
        rule=NAME,
        symbol=_symbol(layer, shape),
        layer=f"1x1 {layer.x.channels}->{layer.out.channels} at {layer.x.height}x{layer.x.width}",
        operands=convolution_operands(layer, shape.width),
        units=body.units,
        flop=2 * layer.x.size * layer.out.channels,
        body=body.write,
    )


def _symbol(layer: Convolution, shape: TileShape) -> str:
    shift = f"_shift{layer.shift.channels}" if layer.shift else ""
    residual = "_add" if layer.residual else ""
    size = f"{layer.x.pixels}x{layer.x.channels}x{layer.out.channels}"
    return f"{NAME}_{size}{shift}{residual}_{layer.activation}_t{shape.text}"


class _Body:
    """Loops over pixel tiles and panels in the order that reads the larger operand once."""

    def __init__(self, layer: Convolution, shape: TileShape, machine: Machine) -> None:
        self.layer = layer
        self.shape = shape
        self.machine = machine
        self.panels = layer.out.channels // shape.width
        self.split = split_evenly(layer.x.pixels, shape.pixels)
        self.panels_outside = layer.weight.size > layer.x.size
        panel_floats = layer.x.channels * shape.width
        pays = self.panels_outside and panel_floats * FLOAT_BYTES <= MOST_PREFETCHED
        self.ahead = panel_floats if pays else None
        self.prefetches_residual = layer.out.size * FLOAT_BYTES >= LEAST_RESIDUAL

    @property
    def units(self) -> int:
        return self.panels if self.panels_outside else self.split.count

    def write(self, e: Emitter) -> None:
        if self.panels_outside:
            self._panels_outside(e)
        else:
            self._pixels_outside(e)

    def _panels_outside(self, e: Emitter) -> None:
        with e.units() as panel:
            for first, tiles, pixels in self.split.groups():
                with e.loop(tiles) as tile:
                    self._tile(e, pixels, first + tile * pixels, panel)

    def _pixels_outside(self, e: Emitter) -> None:
        """Tiles of two sizes: this call's parts may lie in one of them or in both."""
        done = 0
        for first, tiles, pixels in self.split.groups():
            start, stop = e.maximum(e.begin, done), e.minimum(e.end, done + tiles)
            with e.loop(e.maximum(stop, start), start) as tile, e.loop(self.panels) as panel:
                self._tile(e, pixels, first + (tile - done) * pixels, panel)
            done += tiles

    def _tile(self, e: Emitter, pixels: int, pixel: Expr, panel: Expr) -> None:
        layer, width = self.layer, self.shape.width
        tile = Tile(e, self.machine, pixels, self.shape.vector_lanes, self.ahead)
        tile.start(e["bias"], panel * width)
        if layer.residual and self.prefetches_residual:
            tile.expect(e["residual"], lambda p: (pixel + p) * layer.out.channels + panel * width)
        fold = layer.shift.channels if layer.shift else 0
        weight_base = panel * (layer.x.channels * width)
        if fold:
            previous = Source(e["shift_buffer"], pixel * fold, fold)
            multiply_add(tile, previous, e["weights"], weight_base, fold)
        present = Source(e["x"], pixel * layer.x.channels, layer.x.channels)
        multiply_add(tile, present, e["weights"], weight_base, layer.x.channels, start=fold)
        tile.finish(
            e["y"],
            lambda p: (pixel + p) * layer.out.channels + panel * width,
            layer.activation,
            e["residual"] if layer.residual else None,
        )
