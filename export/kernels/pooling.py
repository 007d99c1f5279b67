"""Pooling: largest of a window (ResNet's stem), and the mean over all pixels in front of the classifier.

y[i, j, c] = max_{r, t} x[i s + r - p, j s + t - p, c]          taps outside do not count
y[c]       = (1 / pixels) sum_p x[p, c]
"""

from math import gcd

from tsm_edge.export.kernels.call import KernelCall, write_call
from tsm_edge.export.kernels.emitter import Emitter, Expr
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.window import Window
from tsm_edge.export.layers import GlobalAveragePool, Layer, MaxPool

__all__ = ["AVERAGE_NAME", "MAX_NAME", "covers_average", "covers_max", "lower_average", "lower_max"]

AVERAGE_NAME = "global-average-pool"
MAX_NAME = "max-pool"

# Smallest float32: what an empty maximum starts from.
LOWEST = -3.4028234663852886e38
# Vectors that the mean adds up side by side: as many as hide an addition's latency on two pipes.
MOST_SUMS = 8


def covers_average(layer: Layer) -> bool:
    """The mean over a channels-last tensor."""
    return isinstance(layer, GlobalAveragePool) and not layer.x.planar


def covers_max(layer: Layer) -> bool:
    """The maximum over windows of a channels-last tensor."""
    return isinstance(layer, MaxPool) and not layer.x.planar


def lower_average(layer: Layer, machine: Machine) -> KernelCall:
    """Write the mean: a part is a few vectors of channels, whose sums do not wait for each other."""
    assert isinstance(layer, GlobalAveragePool)
    x, lanes = layer.x, machine.lanes_for(layer.x.channels)
    vectors = gcd(x.channels // lanes, MOST_SUMS)

    def body(e: Emitter) -> None:
        with e.units() as block:
            sums = [e.register(lanes) for _ in range(vectors)]
            channels = [(block * vectors + u) * lanes for u in range(vectors)]
            for total in sums:
                e.store(total, 0, e.constant(0.0, lanes), lanes)
            with e.loop(x.pixels) as pixel:
                for total, channel in zip(sums, channels, strict=True):
                    value = e.load(e["x"], pixel * x.channels + channel, lanes)
                    e.store(total, 0, e.load(total, 0, lanes) + value, lanes)
            for total, channel in zip(sums, channels, strict=True):
                mean = e.load(total, 0, lanes) * e.constant(1.0 / x.pixels, lanes)
                e.store(e["y"], channel, mean, lanes)

    return write_call(
        rule=AVERAGE_NAME,
        symbol=f"average_pool_{x.pixels}x{x.channels}",
        layer=f"mean of {x.channels} at {x.height}x{x.width}",
        operands={"x": x, "y": layer.out},
        units=x.channels // (lanes * vectors),
        flop=x.size,
        body=body,
    )


def lower_max(layer: Layer, machine: Machine) -> KernelCall:
    """Write the maximum: a part is one output row."""
    assert isinstance(layer, MaxPool)
    x, lanes = layer.x, machine.lanes_for(layer.x.channels)
    window = Window(x.height, x.width, layer.kernel, layer.stride, layer.padding)

    def tile(e: Emitter, row: Expr, column: Expr, channel: Expr) -> None:
        largest = e.register(lanes)
        e.store(largest, 0, e.constant(LOWEST, lanes), lanes)
        first, stop = window.row_range(e, row)
        with e.loop(stop, first) as r:
            line = (row * layer.stride + r - layer.padding) * x.width
            for t in range(layer.kernel):
                if window.rows_inside(column, 1, t):
                    pixel = line + column * layer.stride + (t - layer.padding)
                    value = e.load(e["x"], pixel * x.channels + channel, lanes)
                    e.store(largest, 0, e.maximum(e.load(largest, 0, lanes), value), lanes)
        index = (row * layer.out.width + column) * x.channels + channel
        e.store(e["y"], index, e.load(largest, 0, lanes), lanes)

    def body(e: Emitter) -> None:
        with e.units() as row, e.loop(x.channels // lanes) as block:
            window.for_each_tile(e, 1, lambda _, column: tile(e, row, column, block * lanes))

    return write_call(
        rule=MAX_NAME,
        symbol=f"max_pool_{x.height}x{x.width}x{x.channels}_k{layer.kernel}s{layer.stride}p{layer.padding}",
        layer=f"max {layer.kernel}x{layer.kernel}/{layer.stride} of {x.channels} at {x.height}x{x.width}",
        operands={"x": x, "y": layer.out},
        units=layer.out.height,
        flop=layer.out.size * layer.kernel * layer.kernel,
        body=body,
    )
