"""The table of rules: the first one that covers a layer writes its kernel. There is no other way to a kernel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tsm_edge.errors import CompileError
from tsm_edge.export.cuda import convolution, dense, depthwise, pooling, save_shift
from tsm_edge.export.cuda.call import Context, GpuCall
from tsm_edge.export.layers import Layer, SaveShift

__all__ = ["RULES", "Rule", "lower_layer"]


@dataclass(frozen=True)
class Rule:
    """A pattern and the kernel for it, which also renews shift buffers."""

    name: str
    covers: Callable[[Layer], bool]
    lower: Callable[[Layer, Context, Sequence[SaveShift]], GpuCall]


RULES = (
    Rule(depthwise.NAME, depthwise.covers, depthwise.lower),
    Rule(convolution.NAME, convolution.covers, convolution.lower),
    Rule(pooling.MAX_NAME, pooling.covers_max, pooling.lower_max),
    Rule(pooling.AVERAGE_NAME, pooling.covers_average, pooling.lower_average),
    Rule(dense.NAME, dense.covers, dense.lower),
    Rule(save_shift.NAME, save_shift.covers, save_shift.lower),
)


def lower_layer(layer: Layer, context: Context, saves: Sequence[SaveShift] = ()) -> GpuCall:
    """The launch for `layer`, which renews the shift buffers `saves` as well.

    Raises:
        CompileError: No rule covers it.
    """
    for rule in RULES:
        if rule.covers(layer):
            return rule.lower(layer, context, saves)
    raise CompileError(
        f"no GPU kernel covers {layer}; the rules are {', '.join(rule.name for rule in RULES)}; "
        "compile for the board's CPU instead"
    )
