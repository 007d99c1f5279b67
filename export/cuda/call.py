"""One launch of the plan: a kernel and what its pointers point to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tsm_edge.export.cuda.emitter import Arithmetic, Emitter, Kernel, Kind, build_kernel
from tsm_edge.export.kernels.call import ShiftBuffer
from tsm_edge.export.layers import SaveShift, Tensor
from tsm_edge.targets.gpu import GpuSpec

__all__ = ["Context", "GpuCall", "Logits", "Operand", "ShiftBuffer", "Weights", "Work", "write_call"]


@dataclass(frozen=True, eq=False)
class Weights:
    """Constants in the layout that the kernel reads, float32 or float16."""

    values: npt.NDArray[Any]

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self.values.size)


@dataclass(frozen=True)
class Logits:
    """The network's result, float32."""

    size: int


Operand = Tensor | Weights | ShiftBuffer | Logits


@dataclass(frozen=True)
class Context:
    """What rules know beside the layer.

    Attributes:
        gpu: Where the kernels will run.
        arithmetic: How numbers are stored and multiplied.
        logits: Name of the network's last tensor.
    """

    gpu: GpuSpec
    arithmetic: Arithmetic
    logits: str

    def packed(self, values: npt.NDArray[Any]) -> Weights:
        """`values` as weights of this arithmetic."""
        return Weights(np.ascontiguousarray(values, self._dtype))

    def kind(self, operand: Operand) -> Kind:
        """How an operand is stored: the frame and the logits are float32 whatever the arithmetic."""
        if isinstance(operand, Weights):
            return "half" if operand.values.dtype == np.float16 else "float"
        if isinstance(operand, Logits) or (isinstance(operand, Tensor) and operand.planar):
            return "float"
        return self.arithmetic.kind

    @property
    def _dtype(self) -> type[np.float16] | type[np.float32]:
        return np.float16 if self.arithmetic.kind == "half" else np.float32


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a launch does beyond what its code shows, for a projection of its time; all threads together.

    Attributes:
        turns: How often the code's longest loop runs; 1 where it has none.
        deals: How often the loop inside it runs in each turn.
        multiply_adds: Of a thread in one of these, by which a compiler's unrolling is told; 0 where it does not unroll.
        barriers: That a block meets.
        shared_bytes: That threads move from and to shared memory.
        loads: Loads of threads from global memory, each of 16 bytes at most.
        global_bytes: That threads move from and to global memory.
        dram_bytes: Operands, each as often as it must come from memory.
    """

    turns: int = 1
    deals: int = 1
    multiply_adds: int = 0
    barriers: int = 0
    shared_bytes: int
    loads: int
    global_bytes: int
    dram_bytes: int


@dataclass(frozen=True, eq=False)
class GpuCall:
    """A kernel, its operands in the order of its pointers, and what the report says of it.

    Attributes:
        operands: What the pointers point to.
        rule: The rule that wrote the kernel.
        layer: What it computes, in the network's words.
        flop: Floating point operations of the layer (a multiply-add counts two).
        bytes_moved: Of all operands, each once.
        work: What its threads do.
    """

    kernel: Kernel
    operands: tuple[Operand, ...]
    rule: str
    layer: str
    flop: int
    bytes_moved: int
    work: Work


def write_call(
    *,
    context: Context,
    rule: str,
    symbol: str,
    layer: str,
    operands: Mapping[str, Operand],
    grid: tuple[int, int, int],
    threads: int,
    flop: int,
    work: Work,
    body: Callable[[Emitter], None],
    saves: Sequence[SaveShift] = (),
    registers_first: bool = False,
) -> GpuCall:
    """Write the kernel whose pointers are `operands` and return the call.

    Args:
        context: GPU and arithmetic.
        rule: Name of the rule.
        symbol: Says all that the code depends on: calls of the same symbol share one function.
        layer: What is computed, in the network's words.
        operands: By the name that `body` uses.
        grid: Blocks along x, y and z.
        threads: Of a block.
        flop: Floating point operations.
        work: What the threads do.
        body: Writes the code.
        registers_first: See `Kernel`.
        saves: Shift buffers that this launch renews beside its own work, which must not read them.
    """
    every = dict(operands)
    for index, save in enumerate(saves):
        every[f"kept_{index}"] = save.x
        every[f"shift_buffer_of_{index}"] = ShiftBuffer(
            save.shift.buffer, save.x.pixels * save.shift.channels
        )
        symbol += f"_keep{save.x.pixels}x{save.x.channels}_{save.shift.channels}"
    kinds: dict[str, tuple[Kind, int]] = {
        name: (context.kind(operand), operand.size) for name, operand in every.items()
    }

    def whole(e: Emitter) -> None:
        body(e)
        for index, save in enumerate(saves):
            _save(e, f"kept_{index}", f"shift_buffer_of_{index}", save, grid, threads)

    kernel = build_kernel(
        f"{symbol}_{context.arithmetic.kind}",
        kinds,
        context.arithmetic,
        grid,
        threads,
        whole,
        registers_first,
    )
    moved = sum(_bytes(context, operand) for operand in every.values())
    return GpuCall(kernel, tuple(every.values()), rule, layer, flop, moved, work)


def _bytes(context: Context, operand: Operand) -> int:
    return operand.size * (2 if context.kind(operand) == "half" else 4)


def _save(
    e: Emitter, kept: str, buffer: str, save: SaveShift, grid: tuple[int, int, int], threads: int
) -> None:
    """s[p, k] = x[p, k] for k < f, dealt to all threads of the launch."""
    fold, total = save.shift.channels, prod(grid) * threads
    count = save.x.pixels * fold
    number = e.thread + threads * (e.block[0] + grid[0] * (e.block[1] + grid[1] * e.block[2]))
    with e.loop(-(-count // total)) as turn:
        index = turn * total + number
        with e.where(index < count):
            pixel, channel = e.divide(index, fold), e.modulo(index, fold)
            e.store(e[buffer], index, e.load(e[kept], pixel * save.x.channels + channel))
