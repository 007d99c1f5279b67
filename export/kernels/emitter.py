"""A thin layer over TVM's IRBuilder that writes vector code: the only file that spells TIR's building calls.

Schedules of loops that TVM derives from a mathematical description depend on heuristics. Here Python loops unroll,
`Emitter.loop` makes a loop of the machine, and each `load`, `store` and `multiply_add` is one vector instruction, so
that what a rule decides is what runs.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T  # noqa: N812  (TVM's own name for it)

__all__ = ["Emitter", "Expr", "Kernel", "Pointer", "build_kernel"]

# TIR expressions, buffers and functions: TVM has no type stubs.
Expr = Any
Pointer = Any


@dataclass(frozen=True)
class Kernel:
    """A function with plain pointers that computes parts `begin` to `end` of a layer.

    Attributes:
        name: Symbol in the object file.
        function: The TIR function: pointers in the order of `operands`, then int32 begin and end.
        operands: Names of the pointers.
        units: How many parts there are. A part's arithmetic does not depend on how parts are dealt to threads, so
            any number of threads gives the same bits.
        least_units: Fewer parts in one go would repeat too much work at their borders.
    """

    name: str
    function: Any
    operands: tuple[str, ...]
    units: int
    least_units: int = 1


class Emitter:
    """Writes one kernel's body; only valid inside `build_kernel`.

    Attributes:
        begin, end: The parts this call computes.
    """

    def __init__(self, pointers: dict[str, Pointer], begin: Expr, end: Expr) -> None:
        self._pointers = pointers
        self.begin = begin
        self.end = end

    def __getitem__(self, name: str) -> Pointer:
        return self._pointers[name]

    @contextmanager
    def loop(self, stop: Expr, start: Expr = 0) -> Iterator[Expr]:
        """A loop of the machine from `start` up to `stop`."""
        with T.serial(0, stop - start) as index:
            yield index + start

    @contextmanager
    def units(self) -> Iterator[Expr]:
        """The loop over this call's parts."""
        with self.loop(self.end, self.begin) as unit:
            yield unit

    def branch(self, condition: Expr, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Write `then` for where `condition` holds and `otherwise` for where it does not."""
        with T.If(condition):
            with T.Then():
                then()
            with T.Else():
                otherwise()

    def select(self, condition: Expr, then: Expr, otherwise: Expr) -> Expr:
        """`then` where `condition` holds, else `otherwise`; both are computed."""
        return T.Select(condition, then, otherwise)

    def both(self, left: Expr, right: Expr) -> Expr:
        """Whether both conditions hold."""
        return T.And(left, right)

    def load(self, pointer: Pointer, index: Expr, lanes: int) -> Expr:
        """`lanes` consecutive floats from `index` on."""
        return pointer[T.Ramp(index, 1, lanes)] if lanes > 1 else pointer[index]

    def store(self, pointer: Pointer, index: Expr, value: Expr, lanes: int) -> None:
        """Write `lanes` consecutive floats from `index` on."""
        T.buffer_store(pointer, value, [T.Ramp(index, 1, lanes) if lanes > 1 else index])

    def prefetch(self, pointer: Pointer, index: Expr) -> None:
        """Bring the cache line that holds `index` closer; an index past the end does no harm."""
        # Read, keep in all caches, data: llvm.prefetch's 0, 3, 1. TVM's own prefetch no longer finds it.
        T.evaluate(T.call_llvm_intrin("void", "llvm.prefetch", T.address_of(pointer[index]), 0, 3, 1))

    def broadcast(self, value: Expr, lanes: int) -> Expr:
        """One float in every lane."""
        return T.Broadcast(value, lanes) if lanes > 1 else value

    def constant(self, value: float, lanes: int) -> Expr:
        """A float constant in every lane."""
        return self.broadcast(T.float32(value), lanes)

    def register(self, lanes: int) -> Pointer:
        """A local vector. LLVM keeps it in a register as long as it is only read and written whole, or by lane."""
        return T.alloc_buffer((lanes,), "float32")

    def maximum(self, left: Expr, right: Expr) -> Expr:
        """Lane by lane the larger one."""
        return T.max(left, right)

    def minimum(self, left: Expr, right: Expr) -> Expr:
        """Lane by lane the smaller one."""
        return T.min(left, right)


def build_kernel(
    name: str,
    operands: Sequence[tuple[str, int]],
    units: int,
    body: Callable[[Emitter], None],
    least_units: int = 1,
) -> Kernel:
    """Write a kernel.

    Args:
        name: Symbol of the function.
        operands: Name and size in floats of each pointer; results come last.
        units: How many parts the kernel has.
        body: Writes the code; it must treat the parts `begin` to `end` only.
        least_units: See `Kernel`.
    """
    with IRBuilder() as builder, T.prim_func():
        T.func_name(name)
        handles = [T.arg(operand, T.handle("float32")) for operand, _ in operands]
        begin, end = T.arg("begin", T.int32()), T.arg("end", T.int32())
        # No two operands overlap: the memory plan gives every live tensor its own bytes.
        T.func_attr({"tirx.noalias": True, "global_symbol": name})
        pointers = {
            operand: T.decl_buffer((size,), "float32", data=handle)
            for (operand, size), handle in zip(operands, handles, strict=True)
        }
        body(Emitter(pointers, begin, end))
    return Kernel(name, builder.get(), tuple(operand for operand, _ in operands), units, least_units)
