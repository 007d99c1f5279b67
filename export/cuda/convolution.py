"""Full convolutions as products: the stem on the planar frame, 1x1 with temporal shift, any window (ResNet).

    y[p, o] = act(b[o] + sum_k x[p, k] w[k, o] + r[p, o])

product.py writes the kernel, inputs.py says what x[p, k] is, tiling.py chooses the tile. A global average pool behind
the last convolution is computed by the same kernel where one block's tile holds the picture.
"""

from collections.abc import Sequence

import numpy as np

from tsm_edge.export.cuda.call import Context, GpuCall, Operand, ShiftBuffer, Weights, write_call
from tsm_edge.export.cuda.inputs import input_weights, source_of
from tsm_edge.export.cuda.product import Product
from tsm_edge.export.cuda.tile import Tile
from tsm_edge.export.cuda.tiling import choose_tile, work_of
from tsm_edge.export.layers import Convolution, Float32Array, GlobalAveragePool, Layer, SaveShift

__all__ = ["NAME", "POOLED_NAME", "POOL_PIXELS", "covers", "lower", "lower_pooled", "pools"]

NAME = "convolution"
POINTWISE_NAME = "pointwise"
POOLED_NAME = "convolution-and-mean"
# Pixels that one block's tile holds.
POOL_PIXELS = 64


def covers(layer: Layer) -> bool:
    """Any convolution without groups; of the planar frame without shift and residual."""
    if not isinstance(layer, Convolution) or layer.groups != 1:
        return False
    return not layer.x.planar or not (layer.shift or layer.residual)


def pools(layer: Layer, pool: Layer) -> bool:
    """Whether one kernel computes the convolution `layer` and the mean of its result."""
    return (
        covers(layer)
        and isinstance(layer, Convolution)
        and isinstance(pool, GlobalAveragePool)
        and pool.x == layer.out
        and layer.out.pixels <= POOL_PIXELS
        and layer.residual is None
    )


def lower(layer: Layer, context: Context, saves: Sequence[SaveShift] = ()) -> GpuCall:
    """Write the kernel for `layer` and pack its weights."""
    assert isinstance(layer, Convolution)
    return _lower(layer, None, context, saves)


def lower_pooled(
    layer: Convolution, pool: GlobalAveragePool, context: Context, saves: Sequence[SaveShift] = ()
) -> GpuCall:
    """Write the kernel for `layer` and the mean behind it."""
    return _lower(layer, pool, context, saves)


def _lower(
    layer: Convolution, pool: GlobalAveragePool | None, context: Context, saves: Sequence[SaveShift]
) -> GpuCall:
    source = source_of(layer)
    tile = choose_tile(layer, context.gpu, context.arithmetic, whole_picture=pool is not None)
    product = Product(
        source=source,
        tile=tile,
        pixels=layer.out.pixels,
        channels=layer.out.channels,
        activation=layer.activation,
        residual=layer.residual is not None,
        pooled=pool is not None,
        half=context.arithmetic.kind == "half",
    )
    bias = _padded(layer.bias, tile.channels)
    operands: dict[str, Operand] = {
        "x": layer.x,
        "weights": context.packed(_pack(input_weights(layer), tile, product.steps)),
        "bias": context.packed(bias / 6) if product.clamps_halves else Weights(bias),
    }
    if layer.shift:
        operands["shift_buffer"] = ShiftBuffer(layer.shift.buffer, layer.x.pixels * layer.shift.channels)
    if layer.residual:
        operands["residual"] = layer.residual
    operands["y"] = pool.out if pool else layer.out
    return write_call(
        context=context,
        rule=_rule(layer, pool is not None),
        symbol=_symbol(layer, tile, pool is not None),
        layer=_description(layer) + (" and mean" if pool else ""),
        operands=operands,
        grid=product.grid,
        threads=tile.threads,
        flop=2 * layer.out.pixels * int(layer.weight.size),
        work=work_of(layer, product, context),
        body=product.write,
        saves=saves,
        registers_first=True,
    )


def _rule(layer: Convolution, pooled: bool) -> str:
    """The name in reports, where 1x1 is the bulk of a MobileNet."""
    if pooled:
        return POOLED_NAME
    return POINTWISE_NAME if layer.weight.shape[2:] == (1, 1) else NAME


def _padded(bias: Float32Array, channels: int) -> Float32Array:
    return np.pad(bias, (0, -bias.size % channels))


def _pack(weights: Float32Array, tile: Tile, steps: int) -> Float32Array:
    """(depth, channels) -> (blocks, steps, step, block's channels), zeros where a tile is not full."""
    depth, channels = weights.shape
    rows = steps * tile.groups * tile.step
    padded = np.pad(weights, ((0, rows - depth), (0, -channels % tile.channels)))
    return np.ascontiguousarray(padded.reshape(rows, -1, tile.channels).transpose(1, 0, 2))


def _description(layer: Convolution) -> str:
    _, _, rows, columns = layer.weight.shape
    stride = f"/{layer.stride}" if layer.stride > 1 else ""
    plane = f"{layer.x.height}x{layer.x.width}"
    return f"{rows}x{columns}{stride} {layer.x.channels}->{layer.out.channels} at {plane}"


def _symbol(layer: Convolution, tile: Tile, pooled: bool) -> str:
    _, _, rows, columns = layer.weight.shape
    x = layer.x
    kind = (
        f"k{rows}x{columns}s{layer.stride}p{layer.padding}"
        if rows * columns > 1 or layer.stride > 1
        else "k1"
    )
    if layer.padding and "p" not in kind:
        kind += f"p{layer.padding}"
    return "_".join(
        [
            f"conv_{x.height}x{x.width}x{x.channels}" + ("planar" if x.planar else ""),
            kind,
            str(layer.out.channels),
            *([f"shift{layer.shift.channels}"] if layer.shift else []),
            *(["add"] if layer.residual else []),
            *(["mean"] if pooled else []),
            layer.activation,
            tile.symbol,
        ]
    )
