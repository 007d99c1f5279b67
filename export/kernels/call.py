"""One step of the plan: a kernel and what its pointers point to."""

from collections.abc import Callable
from dataclasses import dataclass

from tsm_edge.export.kernels.emitter import Emitter, Kernel, build_kernel
from tsm_edge.export.kernels.pack import pack_panels
from tsm_edge.export.layers import FLOAT_BYTES, Convolution, Float32Array, Tensor

__all__ = [
    "KernelCall",
    "Operand",
    "Scratch",
    "ShiftBuffer",
    "Weights",
    "convolution_operands",
    "write_call",
]


@dataclass(frozen=True, eq=False)
class Weights:
    """Constants in the layout that the kernel reads."""

    values: Float32Array

    @property
    def size(self) -> int:
        """Number of floats."""
        return int(self.values.size)


@dataclass(frozen=True)
class ShiftBuffer:
    """The stream's shift buffer `index`, channels last."""

    index: int
    size: int


@dataclass(frozen=True)
class Scratch:
    """Memory that each thread has for itself while a kernel runs."""

    size: int


Operand = Tensor | Weights | ShiftBuffer | Scratch


@dataclass(frozen=True, eq=False)
class KernelCall:
    """A kernel, its operands in the order of its pointers, and what the report says of it.

    Attributes:
        operands: What the pointers point to; the last one is the result.
        rule: The rule that wrote the kernel.
        layer: What it computes, in the network's words.
        flop: Floating point operations (a multiply-add counts two).
    """

    kernel: Kernel
    operands: tuple[Operand, ...]
    rule: str
    layer: str
    flop: int

    @property
    def result(self) -> Operand:
        """What the kernel writes."""
        return self.operands[-1]

    @property
    def bytes_moved(self) -> int:
        """Bytes of all operands but scratch, each counted once."""
        return FLOAT_BYTES * sum(
            operand.size for operand in self.operands if not isinstance(operand, Scratch)
        )


def convolution_operands(layer: Convolution, width: int) -> dict[str, Operand]:
    """What every full convolution reads and writes, weights packed in panels of `width` output channels."""
    operands: dict[str, Operand] = {
        "x": layer.x,
        "weights": Weights(pack_panels(layer.weight, width)),
        "bias": Weights(layer.bias),
    }
    if layer.shift:
        operands["shift_buffer"] = ShiftBuffer(layer.shift.buffer, layer.x.pixels * layer.shift.channels)
    if layer.residual:
        operands["residual"] = layer.residual
    operands["y"] = layer.out
    return operands


def write_call(
    *,
    rule: str,
    symbol: str,
    layer: str,
    operands: dict[str, Operand],
    units: int,
    flop: int,
    body: Callable[[Emitter], None],
    least_units: int = 1,
) -> KernelCall:
    """Write the kernel whose pointers are `operands` and return the call.

    Args:
        rule: Name of the rule.
        symbol: Says all that the code depends on: calls of the same symbol share one function.
        layer: What is computed, in the network's words.
        operands: By the name that `body` uses; the result comes last.
        units: Parts that may run on different threads.
        flop: Floating point operations.
        body: Writes the code.
        least_units: Fewer parts in one go would repeat too much work at their borders.
    """
    sizes = [(name, operand.size) for name, operand in operands.items()]
    kernel = build_kernel(symbol, sizes, units, body, least_units)
    return KernelCall(kernel, tuple(operands.values()), rule, layer, flop)
