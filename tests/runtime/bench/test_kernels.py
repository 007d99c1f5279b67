import pytest

from tsm_edge.manifest import KernelRecord
from tsm_edge.runtime.bench.frames import noise_frames
from tsm_edge.runtime.bench.kernels import NUM_FRAMES, WARMUP_FRAMES, ProfilingStream, profile_kernels

KERNELS = (
    KernelRecord(name="k0", rule="pointwise", layer="features.1", flop=2_000_000, bytes_moved=500_000),
    KernelRecord(name="k1", rule="depthwise", layer="features.2", flop=0, bytes_moved=1_000_000),
)


class Profiled:
    """A real stream with call times that are known beforehand: slow while it is cold, one outlier later."""

    def __init__(self, stream):
        self.stream, self.calls = stream, 0

    def profile(self, frame):
        self.stream.step(frame)
        self.calls += 1
        factor = 100 if self.calls <= WARMUP_FRAMES or self.calls == 10 else 1
        return [factor * 3e-3, factor * 1e-3]


def test_medians_become_speeds(tiny, stream):
    profiled = Profiled(stream)
    first, second = profile_kernels(profiled, noise_frames(tiny.manifest.model), KERNELS)
    assert profiled.calls == WARMUP_FRAMES + NUM_FRAMES
    assert (first.name, first.rule, first.layer) == ("k0", "pointwise", "features.1")
    assert (first.p50_ms, first.share) == (pytest.approx(3.0), pytest.approx(0.75))
    assert first.gflop_per_s == pytest.approx(2e6 / 3e-3 / 1e9)
    assert first.gbyte_per_s == pytest.approx(5e5 / 3e-3 / 1e9)
    assert (second.share, second.gflop_per_s) == (pytest.approx(0.25), 0)


def test_kernels_and_calls_must_match(tiny, stream):
    with pytest.raises(ValueError, match="zip"):
        profile_kernels(Profiled(stream), noise_frames(tiny.manifest.model), KERNELS[:1])


def test_engine_without_profile_is_told_apart(stream):
    assert isinstance(Profiled(stream), ProfilingStream)
    assert not isinstance(stream, ProfilingStream)
