"""What the roofline sheet says of a GPU's launches, as JSON holds it without loss."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from tsm_edge.errors import OutputError
from tsm_edge.files import file_written_aside

__all__ = ["LaunchProjection", "RooflineRecord", "read_roofline", "write_roofline"]


@dataclass(frozen=True, kw_only=True)
class LaunchProjection:
    """One launch of a frame.

    Attributes:
        flop: Floating point operations of the layer (a multiply-add counts two).
        bytes_moved: Of all operands, each once.
        dram_bytes: Of all operands, each as often as it must come from memory.
        grid, threads: Blocks, and threads of each.
        registers, shared_bytes: Of a thread and of a block, from ptxas.
        resident_warps: That a multiprocessor holds at once.
        occupancy: Their share of what it could hold, 0 to 1.
        instructions: That a thread executes, from the machine code.
        multiply_add_share: Of the turns that the schedulers spend, 0 to 1.
        unit_ms: What each part of the multiprocessors would take alone: issue, shared memory, loads, second cache.
        clocks_ms: The largest of these by the share of the peak that the resident warps reach, by rounds of blocks.
        memory_ms: `dram_bytes` at the bandwidth that is assumed.
        projected_ms: The larger one of the two and the cost of a launch.
        bound: What decides: "memory", or the part of the multiprocessors.
    """

    name: str
    rule: str
    layer: str
    flop: int
    bytes_moved: int
    dram_bytes: int
    grid: tuple[int, int, int]
    threads: int
    registers: int
    shared_bytes: int
    resident_warps: int
    occupancy: float
    instructions: int
    multiply_add_share: float
    unit_ms: dict[str, float]
    clocks_ms: float
    memory_ms: float
    projected_ms: float
    bound: str


@dataclass(frozen=True, kw_only=True)
class RooflineRecord:
    """Every launch of one frame on a GPU that was not at hand.

    Attributes:
        started_at: Local time with offset, ISO 8601.
        commit: Of the checkout that the code ran from, "-dirty" if changed since; empty outside of one.
        versions: Package versions by name, nvdisasm's among them.
        gpu: Arch, and where its numbers come from.
        peak_gflop_per_s: In this precision.
        bandwidth_gb_s: Of the memory, in theory; the projection assumes less, see `assumptions`.
        assumptions: What was assumed and not measured, a sentence each.
        launches: In their order.
    """

    started_at: str
    commit: str
    command: str
    versions: dict[str, str]
    model: str
    image_size: int
    target: str
    precision: str
    gpu: str
    peak_gflop_per_s: float
    bandwidth_gb_s: float
    assumptions: tuple[str, ...]
    launches: tuple[LaunchProjection, ...]

    @property
    def projected_ms(self) -> float:
        """Of a frame: launches run one after the other."""
        return sum(launch.projected_ms for launch in self.launches)


def write_roofline(record: RooflineRecord, path: Path) -> None:
    """Write `record` as JSON.

    Raises:
        OutputError: The file cannot be written; an older one stays as it was.
    """
    with file_written_aside(path) as aside:
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def read_roofline(path: Path) -> RooflineRecord:
    """Read what `write_roofline` wrote.

    Raises:
        OutputError: No such file, or not such a record.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=RooflineRecord)
    except (OSError, msgspec.MsgspecError) as error:
        raise OutputError(
            f"{path} is no roofline sheet: {error}; write one with benchmarks/roofline.py"
        ) from error
