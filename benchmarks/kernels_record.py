"""What the measuring of single kernels leaves behind, as JSON holds it without loss."""

from dataclasses import dataclass
from functools import partial

from record_files import read_record

from tsm_edge.runtime.bench.record import BundleRecord, Latency, Machine

__all__ = ["KernelSpeed", "KernelsRecord", "read_kernels"]


@dataclass(frozen=True, kw_only=True)
class KernelSpeed:
    """One call of the plan.

    Attributes:
        flop: Floating point operations (a multiply-add counts two).
        bytes_moved: Activations and weights, each once.
        p50_ms: Median over the frames.
        gflop_per_s: Arithmetic speed.
        share_of_peak: The same by the core's peak.
        gbyte_per_s: `bytes_moved` by the time.
    """

    name: str
    rule: str
    layer: str
    flop: int
    bytes_moved: int
    p50_ms: float
    gflop_per_s: float
    share_of_peak: float
    gbyte_per_s: float


@dataclass(frozen=True, kw_only=True)
class KernelsRecord:
    """Every kernel of a bundle on one thread, beside the core's peak.

    Attributes:
        started_at: Local time with offset, ISO 8601.
        commit: Of the checkout that the code ran from, "-dirty" if changed since; empty outside of one.
        versions: Package versions by name.
        num_frames: Frames that each kernel, the peak and both networks were timed with.
        peak_gflop_per_s: Median of the peak loop, which ran before each frame.
        online: One streaming step.
        unshifted: One step of the same network without shift, interleaved with `online`.
    """

    started_at: str
    commit: str
    command: str
    versions: dict[str, str]
    machine: Machine
    bundle: BundleRecord
    num_frames: int
    peak_gflop_per_s: float
    kernels: tuple[KernelSpeed, ...]
    online: Latency
    unshifted: Latency

    def floor_ms(self, kernel: KernelSpeed) -> float:
        """What its arithmetic takes at the peak."""
        return kernel.flop / self.peak_gflop_per_s / 1e6

    @property
    def shift_ratio(self) -> float:
        """Median of the online step over that of the network without shift."""
        return self.online.summary.p50_ms / self.unshifted.summary.p50_ms


read_kernels = partial(read_record, kind=KernelsRecord, content="record of kernels", script="kernels.py")
