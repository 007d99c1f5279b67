"""Keeping this frame's first channels for the next one.

    s[p, k] = x[p, k]     for k < f

Runs after the layer that reads the previous frame's s.
"""

from tsm_edge.export.kernels.call import KernelCall, ShiftBuffer, write_call
from tsm_edge.export.kernels.emitter import Emitter
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.layers import Layer, SaveShift

__all__ = ["NAME", "covers", "lower"]

NAME = "save-shift"


def covers(layer: Layer) -> bool:
    """Any shift buffer of a channels-last tensor."""
    return isinstance(layer, SaveShift) and not layer.x.planar


def lower(layer: Layer, machine: Machine) -> KernelCall:
    """Write the copy: a part is one row."""
    assert isinstance(layer, SaveShift)
    x, fold = layer.x, layer.shift.channels
    lanes = machine.lanes_for(fold)

    def body(e: Emitter) -> None:
        with e.units() as row, e.loop(x.width) as column:
            pixel = row * x.width + column
            for k in range(0, fold, lanes):
                value = e.load(e["x"], pixel * x.channels + k, lanes)
                e.store(e["shift_buffer"], pixel * fold + k, value, lanes)

    return write_call(
        rule=NAME,
        symbol=f"save_shift_{x.height}x{x.width}x{x.channels}_{fold}",
        layer=f"keep {fold} of {x.channels} at {x.height}x{x.width}",
        operands={"x": x, "shift_buffer": ShiftBuffer(layer.shift.buffer, x.pixels * fold)},
        units=x.height,
        flop=0,
        body=body,
    )
