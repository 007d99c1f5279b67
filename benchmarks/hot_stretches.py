"""Which stretches of straight code make up most of what was executed.

qemu's blocks overlap where code is entered in several places, and end at every page. Instruction by instruction their
executions add up; neighbours that ran equally often form a stretch, so that a loop's body is one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from instruction_plugin import Block

__all__ = ["Stretch", "hottest", "stretches_of"]

WORD_BYTES = 4
# FMLA Vd, Vn, Vm and FMLA Vd, Vn, Vm[i]: mask and value, as in insn_count.c.
VECTOR_FMLA = ((0xBFA0FC00, 0x0E20CC00), (0xBF80F400, 0x0F801000))


@dataclass(frozen=True)
class Stretch:
    """Instructions one after the other that all ran equally often.

    Attributes:
        function: Symbol that they belong to.
        executions: How often they ran.
        words: The instructions.
    """

    function: str
    executions: int
    words: tuple[int, ...]

    @property
    def instructions(self) -> int:
        """Instructions executed in it."""
        return self.executions * len(self.words)

    @property
    def vector_fmla(self) -> int:
        """Vector multiply-adds executed in it."""
        return self.executions * sum(
            any(word & mask == value for mask, value in VECTOR_FMLA) for word in self.words
        )


def stretches_of(blocks: Iterable[Block]) -> list[Stretch]:
    """The code of `blocks` in the order of its addresses."""
    functions: dict[int, str] = {}
    words: dict[int, int] = {}
    executions: dict[int, int] = {}
    for block in blocks:
        for index, word in enumerate(block.words):
            address = block.address + WORD_BYTES * index
            functions[address], words[address] = block.function, word
            executions[address] = executions.get(address, 0) + block.executions
    runs: list[list[int]] = []
    for address in sorted(words):
        before = runs[-1][-1] if runs else None
        if before is None or not (
            address == before + WORD_BYTES
            and executions[address] == executions[before]
            and functions[address] == functions[before]
        ):
            runs.append([])
        runs[-1].append(address)
    return [
        Stretch(functions[run[0]], executions[run[0]], tuple(words[address] for address in run))
        for run in runs
    ]


def hottest(stretches: Iterable[Stretch], share: float) -> list[Stretch]:
    """The fewest stretches that make `share` of all executed instructions."""
    ordered = sorted(stretches, key=lambda stretch: -stretch.instructions)
    wanted = share * sum(stretch.instructions for stretch in ordered)
    chosen: list[Stretch] = []
    for stretch in ordered:
        if sum(each.instructions for each in chosen) >= wanted:
            break
        chosen.append(stretch)
    return chosen
