"""The table of rules: the first one that covers a layer writes its kernel; the last one is no schedule at all."""

from collections.abc import Callable
from dataclasses import dataclass

from tsm_edge.errors import CompileError
from tsm_edge.export.kernels import (
    convolution,
    dense,
    depthwise,
    inverted_residual,
    pointwise,
    pooling,
    save_shift,
    unscheduled,
)
from tsm_edge.export.kernels.call import KernelCall
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.layers import Layer

__all__ = ["RULES", "Rule", "lower_layer"]


@dataclass(frozen=True)
class Rule:
    """A pattern and the kernel for it."""

    name: str
    covers: Callable[[Layer], bool]
    lower: Callable[[Layer, Machine], KernelCall]


RULES = (
    Rule(inverted_residual.NAME, inverted_residual.covers, inverted_residual.lower),
    Rule(pointwise.NAME, pointwise.covers, pointwise.lower),
    Rule(depthwise.NAME, depthwise.covers, depthwise.lower),
    Rule(convolution.NAME, convolution.covers, convolution.lower),
    Rule(pooling.MAX_NAME, pooling.covers_max, pooling.lower_max),
    Rule(pooling.AVERAGE_NAME, pooling.covers_average, pooling.lower_average),
    Rule(dense.NAME, dense.covers, dense.lower),
    Rule(save_shift.NAME, save_shift.covers, save_shift.lower),
    Rule(unscheduled.NAME, unscheduled.covers, unscheduled.lower),
)


def lower_layer(layer: Layer, machine: Machine) -> KernelCall:
    """The kernel call for `layer`.

    Raises:
        CompileError: No rule covers it.
    """
    for rule in RULES:
        if rule.covers(layer):
            return rule.lower(layer, machine)
    raise CompileError(
        f"no kernel rule covers {layer}; the rules are {', '.join(rule.name for rule in RULES)}"
    )
