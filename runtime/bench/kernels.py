"""Where a frame's time goes: the compiled engine's calls, timed one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from tsm_edge.manifest import KernelRecord
from tsm_edge.runtime.backends.base import Float32Array

__all__ = ["KernelTime", "ProfilingStream", "profile_kernels"]

NUM_FRAMES = 30
WARMUP_FRAMES = 3


@runtime_checkable
class ProfilingStream(Protocol):
    """A stream whose engine can time its own calls."""

    def profile(self, frame: Float32Array) -> Sequence[float]:
        """Step one frame (1, 3, H, W); seconds of each call, in the order of the manifest's kernels."""
        ...


@dataclass(frozen=True, kw_only=True)
class KernelTime:
    """One call of the plan, median over the profiled frames.

    Attributes:
        share: Of the sum of all calls' medians, 0 to 1.
        gflop_per_s: Arithmetic speed.
        gbyte_per_s: Activations and weights moved once.
    """

    name: str
    rule: str
    layer: str
    p50_ms: float
    share: float
    gflop_per_s: float
    gbyte_per_s: float


def profile_kernels(
    stream: ProfilingStream, frames: Iterator[Float32Array], kernels: Sequence[KernelRecord]
) -> tuple[KernelTime, ...]:
    """Time each call of the plan over 30 frames (1, 3, H, W); the stream's state advances."""
    seconds = np.array([stream.profile(next(frames)) for _ in range(WARMUP_FRAMES + NUM_FRAMES)])
    medians = np.median(seconds[WARMUP_FRAMES:], axis=0)  # (frames, calls) -> (calls,)
    return tuple(
        _kernel_time(kernel, float(median), float(medians.sum()))
        for kernel, median in zip(kernels, medians, strict=True)
    )


def _kernel_time(kernel: KernelRecord, seconds: float, total: float) -> KernelTime:
    seconds = max(seconds, 1e-9)  # the clock's own step, for calls that it cannot see
    return KernelTime(
        name=kernel.name,
        rule=kernel.rule,
        layer=kernel.layer,
        p50_ms=1e3 * seconds,
        share=seconds / max(total, 1e-9),
        gflop_per_s=kernel.flop / seconds / 1e9,
        gbyte_per_s=kernel.bytes_moved / seconds / 1e9,
    )
