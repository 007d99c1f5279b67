"""Which frames of a stream are read, and which of its memories reads each.

A network that learned from five frames a second knows motion by what changes within a fifth of a second, so that its
shift buffers, its memory, must not be filled faster. A camera that takes twelve gives it more all the same: two
memories that take turns read every one of them, each memory at the rate that it knows, and smoothing averages twice the
logits. Every frame is one pass still. Where one is lost, each memory waits for one frame more, once.
"""

import math
from dataclasses import dataclass, field

from tsm_edge.specs import ModelSpec

__all__ = ["Pacing"]

# A camera of 15 frames a second is read whole where 12 are wanted, not every second frame of it.
_EARLY = 0.75
# Memories read frames that lie apart by that part of an even spread at least: of 15 a second two memories then read two
# thirds, with an even spread alone half.
_SPREAD = 0.8
# A memory that was left alone for so many of its shortest intervals is behind the others: a slow camera fills one.
_BEHIND = 2.0


@dataclass
class Pacing:
    """When each memory of a stream last read a frame.

    Attributes:
        spec: The model; `max_fps` is for each of its `interleave` memories.
        memory: The one that read last.
        read_s: When each of them read, seconds; minus infinity before the first.
    """

    spec: ModelSpec
    memory: int = 0
    read_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As before the first frame."""
        self.memory, self.read_s = 0, [-math.inf] * self.spec.interleave

    def turn(self, timestamp_s: float | None) -> int | None:
        """Which memory reads a frame of that time, or None where it comes too early for all of them.

        Frames without times are read one after another by one memory, and all where the model has no `max_fps`.
        """
        max_fps = self.spec.max_fps
        if max_fps is None or timestamp_s is None or not math.isfinite(timestamp_s):
            return self.memory
        ages = [timestamp_s - read_s for read_s in self.read_s]
        if min(ages) < 0:
            return self.memory  # a clock that went back
        interval_s = _EARLY / max_fps
        if min(ages) < interval_s * _SPREAD / len(ages):
            return None
        due = [memory for memory, age_s in enumerate(ages) if age_s >= interval_s]
        in_step = [memory for memory in due if ages[memory] < _BEHIND * interval_s]
        if in_step:
            return max(in_step, key=ages.__getitem__)
        return min(due, key=ages.__getitem__, default=None)

    def read(self, memory: int, timestamp_s: float | None) -> None:
        """Note that `memory` has read a frame of that time."""
        if timestamp_s is None or not math.isfinite(timestamp_s) or timestamp_s < max(self.read_s):
            self.forget()
        self.memory = memory
        if timestamp_s is not None and math.isfinite(timestamp_s):
            self.read_s[memory] = timestamp_s

    def order(self) -> list[int]:
        """The memories as they will take their turns: the one that waits longest first, those that are behind last."""
        latest_s, max_fps = max(self.read_s), self.spec.max_fps
        memories = range(len(self.read_s))
        if max_fps is None or latest_s == -math.inf:
            return sorted(memories, key=lambda memory: memory != self.memory)
        limit_s = _BEHIND * _EARLY / max_fps
        waits = [latest_s - read_s for read_s in self.read_s]
        return sorted(memories, key=lambda memory: (waits[memory] >= limit_s, -waits[memory]))
