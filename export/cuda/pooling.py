"""Pooling: the largest of a window (ResNet's stem), and the mean over all pixels in front of the classifier.

y[i, j, c] = max_{r, t} x[i s + r - p, j s + t - p, c]          taps outside do not count
y[c]       = (1 / pixels) sum_p x[p, c]
"""

from collections.abc import Sequence

from tsm_edge.export.cuda.call import Context, GpuCall, Work, write_call
from tsm_edge.export.cuda.emitter import Emitter
from tsm_edge.export.layers import GlobalAveragePool, Layer, MaxPool, SaveShift

__all__ = ["AVERAGE_NAME", "MAX_NAME", "covers_average", "covers_max", "lower_average", "lower_max"]

AVERAGE_NAME = "global-average-pool"
MAX_NAME = "max-pool"

THREADS = 128
# Smallest float32: what an empty maximum starts from.
LOWEST = -3.4028234663852886e38
# Pixels of a mean that one thread adds up; as many threads share a channel as there are such parts, 16 at most.
LEAST_PIXELS = 8
MOST_PARTS = 16


def covers_average(layer: Layer) -> bool:
    """The mean over a channels-last tensor."""
    return isinstance(layer, GlobalAveragePool) and not layer.x.planar


def covers_max(layer: Layer) -> bool:
    """The maximum over windows of a channels-last tensor."""
    return isinstance(layer, MaxPool) and not layer.x.planar


def lower_average(layer: Layer, context: Context, saves: Sequence[SaveShift] = ()) -> GpuCall:
    """Write the mean: several threads share a channel, and meet in shared memory."""
    assert isinstance(layer, GlobalAveragePool)
    x = layer.x
    parts = max(1, min(MOST_PARTS, x.pixels // LEAST_PIXELS))
    width = THREADS // parts
    each = -(-x.pixels // parts)

    def body(e: Emitter) -> None:
        shared, total = e.shared(THREADS), e.floats(1)
        column, part = e.modulo(e.thread, width), e.divide(e.thread, width)
        channel = e.block[0] * width + column
        e.set(total, 0, e.constant(0.0))
        with e.where(channel < x.channels, part < parts), e.loop(each) as turn:
            pixel = part + turn * parts
            with e.where(pixel < x.pixels):
                e.set(total, 0, total[0] + e.load(e["x"], pixel * x.channels + channel))
        e.set(shared, e.thread, e.as_word(total[0]))
        e.barrier()
        with e.where(e.thread < width, channel < x.channels):
            for other in range(1, parts):
                e.set(total, 0, total[0] + e.as_float(shared[other * width + e.thread]))
            e.store(e["y"], channel, total[0] * e.constant(1.0 / x.pixels))

    element = context.arithmetic.element_bytes
    return write_call(
        context=context,
        rule=AVERAGE_NAME,
        symbol=f"mean_{x.pixels}x{x.channels}",
        layer=f"mean of {x.channels} at {x.height}x{x.width}",
        operands={"x": x, "y": layer.out},
        grid=(-(-x.channels // width), 1, 1),
        threads=THREADS,
        flop=x.size,
        work=Work(
            turns=each,
            shared_bytes=8 * THREADS * -(-x.channels // width),
            loads=x.size,
            global_bytes=x.size * element,
            dram_bytes=(x.size + x.channels) * element,
        ),
        body=body,
        saves=saves,
    )


def lower_max(layer: Layer, context: Context, saves: Sequence[SaveShift] = ()) -> GpuCall:
    """Write the maximum: a thread computes one output of one channel."""
    assert isinstance(layer, MaxPool)
    x, out = layer.x, layer.out

    def body(e: Emitter) -> None:
        number = e.block[0] * THREADS + e.thread
        with e.where(number < out.size):
            channel, pixel = e.modulo(number, x.channels), e.divide(number, x.channels)
            top = e.divide(pixel, out.width) * layer.stride - layer.padding
            left = e.modulo(pixel, out.width) * layer.stride - layer.padding
            largest = e.floats(1)
            e.set(largest, 0, e.constant(LOWEST))
            for r in range(layer.kernel):
                for t in range(layer.kernel):
                    row, column = top + r, left + t
                    inside = e.both(e.both(row >= 0, row < x.height), e.both(column >= 0, column < x.width))
                    with e.where(inside):
                        value = e.load(e["x"], (row * x.width + column) * x.channels + channel)
                        e.set(largest, 0, e.most(largest[0], value))
            e.store(e["y"], number, largest[0])

    element = context.arithmetic.element_bytes
    taps = layer.kernel * layer.kernel
    return write_call(
        context=context,
        rule=MAX_NAME,
        symbol=f"max_{x.height}x{x.width}x{x.channels}_k{layer.kernel}s{layer.stride}p{layer.padding}",
        layer=f"max {layer.kernel}x{layer.kernel}/{layer.stride} of {x.channels} at {x.height}x{x.width}",
        operands={"x": x, "y": out},
        grid=(-(-out.size // THREADS), 1, 1),
        threads=THREADS,
        flop=out.size * taps,
        work=Work(
            shared_bytes=0,
            loads=out.size * taps,
            global_bytes=out.size * (taps + 1) * element,
            dram_bytes=(x.size + out.size) * element,
        ),
        body=body,
        saves=saves,
    )
