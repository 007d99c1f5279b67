"""What the rules know of a processor: vector width, registers, how a float gets into all lanes."""

from dataclasses import dataclass
from math import gcd

from tsm_edge.targets import TargetSpec

__all__ = ["Machine", "machine_of"]


@dataclass(frozen=True)
class Machine:
    """The vector unit that a kernel is written for.

    Attributes:
        vector_floats: Floats in a vector register.
        registers: Vector registers.
        multiplies_by_lane: A multiply-add can take one lane of a register for all lanes (NEON), so that inputs are
            best loaded as vectors; otherwise (x86) they are broadcast from memory at no extra cost.
    """

    vector_floats: int
    registers: int
    multiplies_by_lane: bool

    def lanes_for(self, channels: int) -> int:
        """The widest vector that divides `channels`: other than powers of two are lowered badly."""
        return gcd(self.vector_floats, channels)


def machine_of(target: TargetSpec) -> Machine:
    """The vector unit of `target`."""
    return Machine(target.vector_floats, target.vector_registers, target.architecture == "aarch64")
