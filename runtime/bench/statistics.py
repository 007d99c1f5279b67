"""From samples to the numbers that are reported."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["LatencySummary", "summarise_latency"]


@dataclass(frozen=True, kw_only=True)
class LatencySummary:
    """Latencies of one stage, all in milliseconds.

    Percentiles are interpolated linearly between the two nearest samples, as numpy does by default.

    Attributes:
        num_samples: How many frames were timed.
        frames_per_second: Frames over the sum of their latencies: one stream, step after step.
    """

    num_samples: int
    mean_ms: float
    min_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    frames_per_second: float


def summarise_latency(samples_ms: Sequence[float]) -> LatencySummary:
    """Summarise at least one latency in milliseconds, each positive and finite.

    Raises:
        ValueError: No sample, or one that no clock can have given.
    """
    samples = np.asarray(samples_ms, dtype=np.float64)
    if samples.size == 0 or not np.all(np.isfinite(samples) & (samples > 0)):
        raise ValueError(f"cannot summarise {samples.size} latencies; give one or more, positive and finite")
    p50, p90, p95, p99 = np.percentile(samples, (50, 90, 95, 99))
    return LatencySummary(
        num_samples=samples.size,
        mean_ms=float(samples.mean()),
        min_ms=float(samples.min()),
        p50_ms=float(p50),
        p90_ms=float(p90),
        p95_ms=float(p95),
        p99_ms=float(p99),
        max_ms=float(samples.max()),
        frames_per_second=float(1e3 * samples.size / samples.sum()),
    )
