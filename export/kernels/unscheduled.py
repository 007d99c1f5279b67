"""Any convolution that no rule covers: correct, in plain scalar loops, and slow.

    y[i, j, o] = act(b[o] + sum_{r, t, k} x[i s + r - p, j s + t - p, g(o) K + k] w[o, r, t, k] + residual[i, j, o])

The compile report names it, and `--strict` refuses it.
"""

import numpy as np

from tsm_edge.export.kernels.call import KernelCall, Operand, Weights, write_call
from tsm_edge.export.kernels.emitter import Emitter, Expr, Pointer
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.tile import activate
from tsm_edge.export.layers import Convolution, Layer

__all__ = ["NAME", "covers", "lower"]

NAME = "unscheduled"


def covers(layer: Layer) -> bool:
    """Groups and rectangular kernels, on channels-last input without a shift."""
    return isinstance(layer, Convolution) and not layer.x.planar and layer.shift is None


def lower(layer: Layer, machine: Machine) -> KernelCall:
    """Write the loops: a part is one output row."""
    assert isinstance(layer, Convolution)
    x, out = layer.x, layer.out
    _, channels, height, width = layer.weight.shape
    operands: dict[str, Operand] = {
        "x": x,
        "weights": Weights(np.ascontiguousarray(layer.weight.transpose(0, 2, 3, 1))),
        "bias": Weights(layer.bias),
    }
    if layer.residual:
        operands["residual"] = layer.residual
    operands["y"] = out
    window = f"k{height}x{width}s{layer.stride}p{layer.padding}g{layer.groups}"
    residual = "_add" if layer.residual else ""
    return write_call(
        rule=NAME,
        symbol=f"{NAME}_{x.height}x{x.width}x{x.channels}x{out.channels}_{window}{residual}_{layer.activation}",
        layer=f"{height}x{width}/{layer.stride} {x.channels}->{out.channels} at {x.height}x{x.width},"
        f" {layer.groups} groups",
        operands=operands,
        units=out.height,
        flop=2 * out.pixels * int(layer.weight.size),
        body=lambda e: _write(e, layer, channels),
    )


def _write(e: Emitter, layer: Convolution, channels: int) -> None:
    out = layer.out
    with e.units() as row, e.loop(out.width) as column, e.loop(out.channels) as channel:
        total = e.register(1)
        e.store(total, 0, e["bias"][channel], 1)
        _add_taps(e, layer, channels, total, (row, column, channel))
        index = (row * out.width + column) * out.channels + channel
        value = total[0] + e["residual"][index] if layer.residual else total[0]
        e.store(e["y"], index, activate(e, value, layer.activation, 1), 1)


def _add_taps(
    e: Emitter, layer: Convolution, channels: int, total: Pointer, output: tuple[Expr, Expr, Expr]
) -> None:
    """Add every tap that lies inside; the loops run over those alone."""
    x, (row, column, channel) = layer.x, output
    _, _, height, width = layer.weight.shape
    top, left = row * layer.stride - layer.padding, column * layer.stride - layer.padding
    group = channel // (layer.out.channels // layer.groups)
    rows = e.loop(e.minimum(x.height - top, height), e.maximum(0 - top, 0))
    columns = e.loop(e.minimum(x.width - left, width), e.maximum(0 - left, 0))
    with rows as r, columns as t, e.loop(channels) as k:
        value = e["x"][((top + r) * x.width + left + t) * x.channels + group * channels + k]
        weight = e["weights"][((channel * height + r) * width + t) * channels + k]
        e.store(total, 0, total[0] + value * weight, 1)
