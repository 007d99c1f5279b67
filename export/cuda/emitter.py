"""A thin layer over TVM's IRBuilder that writes GPU kernels: the only file of export/cuda that spells TIR's calls.

As on the CPU, Python decides and what it decides is what runs: `loop` makes a loop of the machine, `unrolled` one that
the compiler unrolls, so that registers can be indexed by it. Numbers are float32, or halves in pairs: a *word* is what
one register holds, `per_word` channels of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T  # noqa: N812  (TVM's own name for it)

__all__ = ["Arithmetic", "Emitter", "Expr", "Kernel", "Kind", "Pointer", "build_kernel"]

# TIR expressions, buffers and functions: TVM has no type stubs.
Expr = Any
Buffer = Any

Kind = Literal["float", "half"]
Axis = Literal["x", "y", "z"]
# A device function that is launched, in TVM's words.
CALLED_BY_LAUNCH = 2


@dataclass(frozen=True)
class Pointer:
    """An operand, and what lies there."""

    buffer: Buffer
    kind: Kind


@dataclass(frozen=True)
class Arithmetic:
    """What a register holds.

    Attributes:
        kind: How activations, weights and state are stored.
    """

    kind: Kind

    @property
    def per_word(self) -> int:
        """Channels in a register."""
        return 1 if self.kind == "float" else 2

    @property
    def word(self) -> str:
        """TIR's type of a register."""
        return "float32" if self.kind == "float" else "uint32"

    @property
    def element_bytes(self) -> int:
        """Of one stored number."""
        return 4 // self.per_word


@dataclass(frozen=True, eq=False)
class Kernel:
    """A device function with plain pointers.

    Attributes:
        name: Its entry point; equal names have equal code.
        function: The TIR function.
        grid, block: Blocks and threads in x, y and z.
        shared_bytes: Static shared memory.
        registers_first: Give its threads the registers they ask for, even if fewer of its blocks fit then: left to
            itself, the assembler spills some for one block more.
    """

    name: str
    function: Any
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared_bytes: int
    registers_first: bool


class Emitter:
    """Writes one kernel's body; only valid inside `build_kernel`.

    Attributes:
        thread: Number of this thread in its block.
        block: This block's number along each axis.
    """

    def __init__(
        self, arithmetic: Arithmetic, pointers: Mapping[str, Pointer], block: Sequence[Expr], thread: Expr
    ) -> None:
        self.arithmetic = arithmetic
        self._pointers = pointers
        self.block = tuple(block)
        self.thread = thread
        self.shared_bytes = 0

    def __getitem__(self, name: str) -> Pointer:
        return self._pointers[name]

    # Control.

    @contextmanager
    def loop(self, stop: Expr) -> Iterator[Expr]:
        """A loop of the machine from 0 up to `stop`."""
        with T.serial(0, stop) as index:
            yield index

    @contextmanager
    def unrolled(self, stop: int) -> Iterator[Expr]:
        """A loop that the compiler unrolls."""
        with T.unroll(0, stop) as index:
            yield index

    @contextmanager
    def where(self, *conditions: Expr) -> Iterator[None]:
        """Code that runs where all conditions hold; those that are plain True cost nothing."""
        conditions = tuple(each for each in conditions if each is not True)
        if not conditions:
            yield
            return
        with T.If(_all(conditions)), T.Then():
            yield

    def branch(self, condition: Expr, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Write `then` for where `condition` holds and `otherwise` for where it does not."""
        with T.If(condition):
            with T.Then():
                then()
            with T.Else():
                otherwise()

    def barrier(self) -> None:
        """Wait for all threads of the block."""
        T.evaluate(T.tvm_storage_sync("shared"))

    # Integers. All of them are 0 or more, where C's division is the mathematical one.

    def equal(self, left: Expr, right: Expr) -> Expr:
        """Whether both are the same."""
        return T.EQ(left, right)

    def both(self, left: Expr, right: Expr) -> Expr:
        """Whether both conditions hold."""
        return T.And(left, right)

    def divide(self, value: Expr, by: int) -> Expr:
        """The quotient, rounded down."""
        if isinstance(value, int):
            return value // by
        return value if by == 1 else T.truncdiv(value, by)

    def modulo(self, value: Expr, by: int) -> Expr:
        """The remainder."""
        if isinstance(value, int):
            return value % by
        return 0 if by == 1 else T.truncmod(value, by)

    def least(self, left: Expr, right: Expr) -> Expr:
        """The smaller one, of integers or floats."""
        return T.min(left, right)

    def most(self, left: Expr, right: Expr) -> Expr:
        """The larger one, of integers or floats."""
        return T.max(left, right)

    def select(self, condition: Expr, then: Expr, otherwise: Expr) -> Expr:
        """`then` where `condition` holds, else `otherwise`; both are computed."""
        return T.Select(condition, then, otherwise)

    # Registers and shared memory.

    def words(self, count: int) -> Buffer:
        """Registers for words."""
        return T.alloc_buffer((count,), self.arithmetic.word, scope="local")

    def floats(self, count: int) -> Buffer:
        """Registers for float32."""
        return T.alloc_buffer((count,), "float32", scope="local")

    def integers(self, count: int) -> Buffer:
        """Registers for int32."""
        return T.alloc_buffer((count,), "int32", scope="local")

    def shared(self, words: int) -> Buffer:
        """Shared memory for words."""
        self.shared_bytes += 4 * words
        return T.alloc_buffer((words,), self.arithmetic.word, scope="shared")

    def set(self, buffer: Buffer, index: Expr, value: Expr) -> None:
        """Write one word, float or integer of a register or of shared memory."""
        T.buffer_store(buffer, value, [index])

    def copy(self, to: Buffer, to_index: Expr, source: Buffer, index: Expr, words: int) -> None:
        """Copy consecutive words between registers and shared memory, in one instruction."""
        if words == 1:
            T.buffer_store(to, source[index], [to_index])
        else:
            T.buffer_store(to, source[T.Ramp(index, 1, words)], [T.Ramp(to_index, 1, words)])

    def zero_words(self, buffer: Buffer, index: Expr, words: int) -> None:
        """Set registers to zero."""
        for offset in range(words):
            T.buffer_store(buffer, self.zero, [index + offset])

    @property
    def zero(self) -> Expr:
        """A word of zeros."""
        return T.float32(0) if self.arithmetic.kind == "float" else T.uint32(0)

    def constant(self, value: float) -> Expr:
        """A float32."""
        return T.float32(value)

    # Words.

    def multiply_add(self, x: Expr, w: Expr, total: Expr) -> Expr:
        """X * w + total, each channel of a word for itself."""
        if self.arithmetic.kind == "float":
            return x * w + total
        return T.call_extern("uint32", "tsm_fma2", x, w, total)

    def spread(self, word: Expr, channel: int) -> Expr:
        """A word whose channels all are channel `channel` of `word`."""
        if self.arithmetic.kind == "float":
            return word
        return T.call_extern("uint32", ("tsm_low2", "tsm_high2")[channel], word)

    def unpack(self, word: Expr) -> tuple[Expr, ...]:
        """A word's channels as float32."""
        if self.arithmetic.kind == "float":
            return (word,)
        return tuple(T.call_extern("float32", name, word) for name in ("tsm_low", "tsm_high"))

    def pack(self, values: Sequence[Expr]) -> Expr:
        """The word of these float32 channels."""
        if self.arithmetic.kind == "float":
            return values[0]
        return T.call_extern("uint32", "tsm_pack", *values)

    def relu6(self, word: Expr, bias: Expr) -> Expr:
        """A word of halves plus six times `bias`, clamped to 0 and 6."""
        return T.call_extern("uint32", "tsm_relu6_half2", word, bias)

    def join(self, parts: Sequence[Expr]) -> Expr:
        """The word of these stored channels, see `load_stored`."""
        return parts[0] if len(parts) == 1 else T.call_extern("uint32", "tsm_join", *parts)

    def load_stored(self, pointer: Pointer, index: Expr) -> Expr:
        """Element `index` of an operand as the arithmetic stores it, alone in a word: for `join`."""
        if self.arithmetic.kind == "float":
            return self.load(pointer, index)
        if pointer.kind == "float":
            return T.call_extern("uint32", "tsm_half_bits", self.load(pointer, index))
        return T.call_extern("uint32", "tsm_load_bits", pointer.buffer.data, index)

    def as_word(self, value: Expr) -> Expr:
        """A float32's bits as a word, for shared memory."""
        return value if self.arithmetic.kind == "float" else T.call_extern("uint32", "tsm_bits", value)

    def as_float(self, word: Expr) -> Expr:
        """The float32 that `as_word` was given."""
        return word if self.arithmetic.kind == "float" else T.call_extern("float32", "tsm_float", word)

    # Operands.

    def load(self, pointer: Pointer, index: Expr) -> Expr:
        """Element `index` of an operand, as float32."""
        name = "tsm_load" if pointer.kind == "float" else "tsm_load_half"
        return T.call_extern("float32", name, pointer.buffer.data, index)

    def store(self, pointer: Pointer, index: Expr, value: Expr) -> None:
        """Write a float32 to element `index` of an operand."""
        if pointer.kind == "float":
            T.buffer_store(pointer.buffer, value, [index])
        else:
            T.evaluate(T.call_extern("void", "tsm_store_half", pointer.buffer.data, index, value))

    def load_words(self, to: Buffer, at: Expr, pointer: Pointer, index: Expr, words: int) -> None:
        """Load 1, 2 or 4 words from element `index` on into registers `at` and following, in one instruction."""
        assert pointer.kind == self.arithmetic.kind
        if pointer.kind == "float" and words == 1:
            T.buffer_store(to, self.load(pointer, index), [at])
        else:
            name = _vector_function("load", pointer.kind, words)
            T.evaluate(T.call_extern("void", name, T.address_of(to[at]), pointer.buffer.data, index))

    def load_floats(self, to: Buffer, at: int, pointer: Pointer, index: Expr, count: int) -> None:
        """Load float32 that lie side by side, in as wide vectors as `count` lets be whole."""
        assert pointer.kind == "float"
        width = next(each for each in (4, 2, 1) if count % each == 0)
        for first in range(0, count, width):
            if width == 1:
                self.set(to, at + first, self.load(pointer, index + first))
            else:
                place = T.address_of(to[at + first])
                name = _vector_function("load", "float", width)
                T.evaluate(T.call_extern("void", name, place, pointer.buffer.data, index + first))

    def store_words(self, pointer: Pointer, index: Expr, source: Buffer, at: Expr, words: int) -> None:
        """Store 1, 2 or 4 words of registers to element `index` and following, in one instruction."""
        if pointer.kind == "float" and words == 1:
            T.buffer_store(pointer.buffer, source[at], [index])
        else:
            name = _vector_function("store", pointer.kind, words)
            T.evaluate(T.call_extern("void", name, pointer.buffer.data, index, T.address_of(source[at])))


def _vector_function(verb: str, kind: Kind, words: int) -> str:
    if kind == "float":
        return f"tsm_{verb}{words}"
    return f"tsm_{verb}_half{2 * words}"


def _all(conditions: Sequence[Expr]) -> Expr:
    result = conditions[0]
    for condition in conditions[1:]:
        result = T.And(result, condition)
    return result


def build_kernel(
    name: str,
    operands: Mapping[str, tuple[Kind, int]],
    arithmetic: Arithmetic,
    grid: tuple[int, int, int],
    threads: int,
    body: Callable[[Emitter], None],
    registers_first: bool = False,
) -> Kernel:
    """Write a kernel.

    Args:
        name: Its entry point.
        operands: Kind and number of elements of each pointer.
        arithmetic: What its registers hold.
        grid: Blocks in x, y and z.
        threads: In a block.
        body: Writes the code.
        registers_first: See `Kernel`.
    """
    types = {"float": "float32", "half": "uint16"}
    with IRBuilder() as builder, T.prim_func():
        T.func_name(name)
        handles = {operand: T.arg(operand, T.handle(types[kind])) for operand, (kind, _) in operands.items()}
        axes: list[Axis] = [axis for axis, blocks in zip("xyz", grid, strict=True) if blocks > 1]  # type: ignore[misc]
        tags = [*(f"blockIdx.{axis}" for axis in axes), "threadIdx.x"]
        # No two operands overlap: the memory plan gives every live tensor its own bytes.
        attributes = {"tirx.noalias": True, "global_symbol": name, "calling_conv": CALLED_BY_LAUNCH}
        T.func_attr({**attributes, "tirx.kernel_launch_params": tags})
        pointers = {
            operand: Pointer(T.decl_buffer((size,), types[kind], data=handles[operand]), kind)
            for operand, (kind, size) in operands.items()
        }
        with _launched(grid, threads) as (block, thread):
            emitter = Emitter(arithmetic, pointers, block, thread)
            body(emitter)
    return Kernel(name, builder.get(), grid, (threads, 1, 1), emitter.shared_bytes, registers_first)


@contextmanager
def _launched(grid: tuple[int, int, int], threads: int) -> Iterator[tuple[list[Expr], Expr]]:
    """The block's and the thread's numbers; an axis of one block has none."""
    block: list[Expr] = []
    frames = []
    for axis, blocks in zip("xyz", grid, strict=True):
        if blocks > 1:
            frames.append(T.launch_thread(f"blockIdx.{axis}", blocks))
            block.append(frames[-1].__enter__())
        else:
            block.append(0)
    frames.append(T.launch_thread("threadIdx.x", threads))
    thread = frames[-1].__enter__()
    try:
        yield block, thread
    finally:
        for frame in reversed(frames):
            frame.__exit__(None, None, None)
