"""What the rules know of a processor: vector width, registers, how a float gets into all lanes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import gcd
from typing import TYPE_CHECKING

from tsm_edge.targets import TargetSpec

if TYPE_CHECKING:
    from tsm_edge.export.kernels.tiling import TileQuestion, TileShape

__all__ = ["Machine", "machine_of"]


@dataclass(frozen=True)
class Machine:
    """The vector unit that a kernel is written for.

    Attributes:
        vector_floats: Floats in a vector register.
        registers: Vector registers.
        multiplies_by_lane: A multiply-add can take one lane of a register for all lanes (NEON), so that inputs are
            best loaded as vectors; otherwise (x86) they are broadcast from memory at no extra cost.
        tuned_tiles: Tiles that were measured to be the best for the layer at hand.
    """

    vector_floats: int
    registers: int
    multiplies_by_lane: bool
    tuned_tiles: Mapping["TileQuestion", "TileShape"] = field(default_factory=dict, hash=False)

    def lanes_for(self, channels: int) -> int:
        """The widest vector that divides `channels`: other than powers of two are lowered badly."""
        return gcd(self.vector_floats, channels)


def machine_of(target: TargetSpec) -> Machine:
    """The vector unit of `target`."""
    return Machine(target.vector_floats, target.vector_registers, target.architecture == "aarch64")
