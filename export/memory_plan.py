"""Where each activation lies: tensors that do not live at the same time share bytes.

Largest first, each at the lowest offset that is free while it lives (greedy by size; Pisarchyk and Lee, Efficient
Memory Management for Deep Neural Net Inference, arXiv:2001.03288).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tsm_edge.export.layers import FLOAT_BYTES, Tensor

__all__ = ["ALIGNMENT", "MemoryPlan", "plan_memory"]

# A cache line, and the widest vector.
ALIGNMENT = 64


@dataclass(frozen=True)
class MemoryPlan:
    """Byte offset of each activation by name, and the bytes of all."""

    offsets: dict[str, int]
    arena_bytes: int


@dataclass
class _Life:
    """A tensor, from the call that writes it to the last one that reads it, both included."""

    name: str
    size_bytes: int
    first: int
    last: int

    def overlaps(self, other: "_Life") -> bool:
        return self.first <= other.last and other.first <= self.last


class _Call(Protocol):
    @property
    def operands(self) -> Sequence[object]: ...


def plan_memory(calls: Sequence[_Call], logits: str | None, element_bytes: int = FLOAT_BYTES) -> MemoryPlan:
    """Place the activations of `calls`; the tensor `logits`, if it is one of them, is kept to the end.

    The frame and the shift buffers belong to others and take no room here.
    """
    lives = _lives(calls, logits, element_bytes)
    placed: list[tuple[int, _Life]] = []
    for life in sorted(lives, key=lambda life: (-life.size_bytes, life.first)):
        neighbours = sorted(
            ((at, other) for at, other in placed if other.overlaps(life)), key=lambda pair: pair[0]
        )
        placed.append((_lowest_gap(life.size_bytes, neighbours), life))
    arena = max((offset + life.size_bytes for offset, life in placed), default=0)
    return MemoryPlan({life.name: offset for offset, life in placed}, arena)


def _lives(calls: Sequence[_Call], logits: str | None, element_bytes: int) -> list[_Life]:
    lives: dict[str, _Life] = {}
    for position, call in enumerate(calls):
        for operand in call.operands:
            if isinstance(operand, Tensor) and not operand.planar:
                life = lives.setdefault(
                    operand.name, _Life(operand.name, _rounded(operand, element_bytes), position, position)
                )
                life.size_bytes = max(life.size_bytes, _rounded(operand, element_bytes))
                life.last = position
    if logits is not None:
        lives[logits].last = len(calls)
    return list(lives.values())


def _rounded(tensor: Tensor, element_bytes: int) -> int:
    return -(-tensor.size * element_bytes // ALIGNMENT) * ALIGNMENT


def _lowest_gap(size_bytes: int, neighbours: list[tuple[int, _Life]]) -> int:
    offset = 0
    for start, life in neighbours:
        if offset + size_bytes <= start:
            break
        offset = max(offset, start + life.size_bytes)
    return offset
