"""The whole benchmark of a really compiled bundle, kernel by kernel."""

import pytest

from tsm_edge.bundle import Bundle
from tsm_edge.runtime.bench import BenchOptions, BenchRecord, benchmark


@pytest.fixture(scope="module")
def bundle(compiled_path) -> Bundle:
    return Bundle.open(compiled_path)


@pytest.fixture(scope="module")
def profiled(bundle) -> BenchRecord:
    options = BenchOptions(threads=2, num_frames=5, warmup=1, profile=True)
    return benchmark(bundle, options)


def test_default_engines_agree_and_are_timed(profiled):
    assert [backend.name for backend in profiled.backends] == ["tvm", "onnxruntime"]
    assert all(backend.max_relative_error <= 1e-5 for backend in profiled.backends)
    assert all(backend.cold_start is not None for backend in profiled.backends)
    assert profiled.skipped == {}


def test_every_kernel_of_the_plan_is_timed(profiled, bundle):
    compiled, reference = profiled.backends
    assert [kernel.name for kernel in compiled.kernels] == [kernel.name for kernel in bundle.manifest.kernels]
    assert sum(kernel.share for kernel in compiled.kernels) == pytest.approx(1)
    assert all(kernel.p50_ms > 0 for kernel in compiled.kernels)
    assert reference.kernels == ()


def test_sizes_are_the_manifests(profiled, bundle):
    assert profiled.bundle.arena_bytes == bundle.manifest.arena_bytes > 0
    assert profiled.bundle.weight_bytes == bundle.manifest.weight_bytes > 0
    assert profiled.conditions.threads == 2
