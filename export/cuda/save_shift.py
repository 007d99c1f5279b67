"""Keeping a frame's first channels for the next one, where no launch follows that could do it beside its own work.

    s[p, k] = x[p, k]     for k < f

Runs after the layer that reads the previous frame's s.
"""

from collections.abc import Sequence

from tsm_edge.export.cuda.call import Context, GpuCall, Work, write_call
from tsm_edge.export.layers import Layer, SaveShift

__all__ = ["NAME", "covers", "lower"]

NAME = "save-shift"

THREADS = 128
MOST_BLOCKS = 64


def covers(layer: Layer) -> bool:
    """Any shift buffer of a channels-last tensor."""
    return isinstance(layer, SaveShift) and not layer.x.planar


def lower(layer: Layer, context: Context, saves: Sequence[SaveShift] = ()) -> GpuCall:
    """Write the copy."""
    assert isinstance(layer, SaveShift)
    x, fold = layer.x, layer.shift.channels
    count = x.pixels * fold
    moved = 2 * count * context.arithmetic.element_bytes
    return write_call(
        context=context,
        rule=NAME,
        symbol="save",
        layer=f"keep {fold} of {x.channels} at {x.height}x{x.width}",
        operands={},
        grid=(min(-(-count // THREADS), MOST_BLOCKS), 1, 1),
        threads=THREADS,
        flop=0,
        work=Work(shared_bytes=0, loads=count, global_bytes=moved, dram_bytes=moved),
        body=lambda _: None,
        saves=(*saves, layer),
    )
