"""What a count of instructions leaves behind, as JSON holds it without loss."""

from dataclasses import dataclass, field
from functools import partial

from record_files import read_record

__all__ = ["InstructionRecord", "read_instructions"]


@dataclass(frozen=True, kw_only=True)
class InstructionRecord:
    """Instructions of one streaming frame, counted under emulation.

    Attributes:
        started_at: Local time with offset, ISO 8601.
        commit: Of the checkout that the code ran from, "-dirty" if changed since; empty outside of one.
        versions: Package versions by name, and qemu's.
        bundle_sha256: Of the bundle's manifest, which holds those of all other files.
        processor: What was emulated, in qemu's words.
        num_frames: Frames of the longer run less those of the shorter one.
        per_frame: Instructions by class: the difference of the two runs by `num_frames`.
        peers: The same of other engines, by name, from normalised floats to logits; and of the loop in Python that
            runs them, which is in their numbers.
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
    num_frames: int
    per_frame: dict[str, float]
    peers: dict[str, dict[str, float]] = field(default_factory=dict)


read_instructions = partial(
    read_record, kind=InstructionRecord, content="count of instructions", script="instructions.py"
)
