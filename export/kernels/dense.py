"""The classifier.

    y[o] = b[o] + sum_k x[k] w[k, o]

The class count need not fit the vectors: weights, bias and result are filled up to whole vectors with zeros, and the
driver copies out the classes alone.
"""

import numpy as np

from tsm_edge.export.kernels.call import KernelCall, Weights, write_call
from tsm_edge.export.kernels.emitter import Emitter
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.pack import pack_panels
from tsm_edge.export.kernels.products import Source, multiply_add
from tsm_edge.export.kernels.tile import Tile
from tsm_edge.export.layers import Dense, Layer, Tensor

__all__ = ["NAME", "covers", "lower"]

NAME = "dense"

# One pixel gives only one accumulator a vector; four of them hide most of a multiply-add's latency.
VECTORS = 4


def covers(layer: Layer) -> bool:
    """Any matrix times vector."""
    return isinstance(layer, Dense)


def lower(layer: Layer, machine: Machine) -> KernelCall:
    """Write the kernel for `layer`: a part is one panel of classes."""
    assert isinstance(layer, Dense)
    classes, channels = layer.weight.shape
    lanes = machine.vector_floats
    vectors = min(VECTORS, -(-classes // lanes))
    width = vectors * lanes
    panels = -(-classes // width)
    bias = np.zeros(panels * width, np.float32)
    bias[:classes] = layer.bias

    def body(e: Emitter) -> None:
        with e.units() as panel:
            tile = Tile(e, machine, 1, (lanes,) * vectors)
            tile.start(e["bias"], panel * width)
            multiply_add(
                tile, Source(e["x"], 0, channels), e["weights"], panel * (channels * width), channels
            )
            tile.finish(e["y"], lambda _: panel * width, "none")

    return write_call(
        rule=NAME,
        symbol=f"{NAME}_{channels}x{classes}_t{width}",
        layer=f"classifier {channels}->{classes}",
        operands={
            "x": layer.x,
            "weights": Weights(pack_panels(layer.weight[:, :, None, None], width)),
            "bias": Weights(bias),
            "y": Tensor(layer.out.name, 1, 1, panels * width),
        },
        units=panels,
        flop=2 * layer.weight.size,
        body=body,
    )
