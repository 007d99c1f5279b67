"""The GPU half in a bundle: what compiling writes of it, and what is said where it cannot be made."""

import hashlib

import pytest

from tsm_edge.bundle import GPU_KERNELS, GPU_WEIGHTS
from tsm_edge.errors import MissingDependencyError
from tsm_edge.export import compile_bundle, gpu_half
from tsm_edge.targets import TARGETS, cuda_target, get_target


@pytest.fixture
def without_nvidia(monkeypatch):
    def absent(package):
        raise MissingDependencyError(f"pip install nvidia-{package}")

    monkeypatch.setattr(gpu_half, "nvidia_folder", absent)


def test_bundle_carries_kernels_and_weights(bundle_for):
    bundle = bundle_for("jetson-nano")
    gpu = bundle.manifest.gpu
    assert (gpu.arch, gpu.ptx_version) == ("sm_53", "6.5")
    assert gpu.weight_bytes == bundle.file(GPU_WEIGHTS).stat().st_size > 0
    ptx = bundle.file(GPU_KERNELS).read_text()
    assert ".version 6.5\n" in ptx
    assert ".target sm_53\n" in ptx
    names = {kernel.name for kernel in gpu.kernels}
    assert names == set(gpu.resources)
    assert all(f".entry {name}(" in ptx for name in names)
    assert all(each.spill_bytes == 0 and 0 < each.registers <= 255 for each in gpu.resources.values())
    assert hashlib.sha256(ptx.encode()).hexdigest().encode() in bundle.file("libtsm_model.so").read_bytes()


def test_halves_compute_the_same_network(bundle_for):
    manifest = bundle_for("jetson-nano").manifest
    of_convolutions = [
        sum(kernel.flop for kernel in kernels if kernel.rule != "global-average-pool")
        for kernels in (manifest.kernels, manifest.gpu.kernels)
    ]
    assert of_convolutions[1] == pytest.approx(of_convolutions[0], rel=1e-2)


def test_verification_says_what_was_not_run(bundle_for):
    verification = bundle_for("jetson-nano").manifest.verification
    assert verification.gpu_method == "not run: this machine cannot run code for the target"
    assert verification.gpu_max_relative_error is None
    assert bundle_for("jetson-nano-cpu").manifest.verification.gpu_method == ""


def test_target_without_a_gpu_has_one_half(bundle_for):
    bundle = bundle_for("jetson-nano-cpu")
    assert bundle.manifest.gpu is None
    assert not {GPU_KERNELS, GPU_WEIGHTS} & set(bundle.manifest.files)
    assert gpu_half.compile_gpu_half(None, TARGETS["jetson-nano-cpu"], "fp32") is None


@pytest.mark.parametrize(
    ("target", "other"),
    [(TARGETS["jetson-nano"], "jetson-nano-cpu"), (cuda_target(), "host")],
    ids=["board", "cuda"],
)
def test_missing_compiler_is_told_before_anything_is_done(small, tmp_path, without_nvidia, target, other):
    with pytest.raises(MissingDependencyError) as caught:
        compile_bundle(small, target, tmp_path / "bundle", on_stage=pytest.fail)
    assert str(caught.value) == f"pip install nvidia-cuda_nvrtc; --target {other} does without a GPU"
    assert get_target(other).gpu is None
    assert list(tmp_path.iterdir()) == []


def test_missing_assembler_leaves_a_check_out(small_layers, monkeypatch):
    def absent(*_):
        raise MissingDependencyError("ptxas")

    monkeypatch.setattr(gpu_half, "check_ptx", absent)
    half = gpu_half.compile_gpu_half(small_layers, TARGETS["jetson-nano"], "fp16")
    assert half.record().resources == {}
    assert half.plan.half
