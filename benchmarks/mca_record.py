"""What llvm-mca said of a bundle's kernels, as JSON holds it without loss."""

from dataclasses import dataclass
from functools import partial

from record_files import read_record

__all__ = ["KernelCycles", "McaRecord", "read_mca"]


@dataclass(frozen=True, kw_only=True)
class KernelCycles:
    """One kernel function in one frame.

    Attributes:
        instructions: That a frame executes in it.
        covered: Share of them in the stretches that were simulated, 0 to 1.
        vector_fmla: Vector multiply-adds in these stretches.
        cycles: That the simulated core takes for these stretches.
        floor_cycles: That it would take for their vector multiply-adds alone.
    """

    name: str
    instructions: int
    covered: float
    vector_fmla: int
    cycles: float
    floor_cycles: float


@dataclass(frozen=True, kw_only=True)
class McaRecord:
    """Simulated cycles of one frame's kernels on one core.

    Attributes:
        started_at: Local time with offset, ISO 8601.
        commit: Of the checkout that the code ran from, "-dirty" if changed since; empty outside of one.
        versions: Package versions by name, qemu's and LLVM's.
        processor: The core in LLVM's words.
        fmla_per_cycle: Independent vector multiply-adds a cycle in the same simulation.
    """

    started_at: str
    commit: str
    command: str
    versions: dict[str, str]
    bundle_sha256: str
    model: str
    target: str
    precision: str
    processor: str
    fmla_per_cycle: float
    kernels: tuple[KernelCycles, ...]

    @property
    def ratio(self) -> float:
        """Cycles of the whole frame's simulated stretches over their floor."""
        return sum(each.cycles for each in self.kernels) / sum(each.floor_cycles for each in self.kernels)

    @property
    def covered(self) -> float:
        """Share of the kernels' instructions that was simulated, 0 to 1."""
        simulated = sum(each.covered * each.instructions for each in self.kernels)
        return simulated / sum(each.instructions for each in self.kernels)


read_mca = partial(read_record, kind=McaRecord, content="record of llvm-mca's cycles", script="mca.py")
