"""The GPU's benchmark without a GPU: it says so, and measures nothing. With one: see the marker."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tsm_edge.bundle import Bundle
from tsm_edge.errors import DeviceError
from tsm_edge.runtime.bench import read_record

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
HAS_GPU = torch.cuda.is_available()


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_without_a_gpu_it_says_so_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--results", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"benchmarks/gpu.py: PyTorch {torch.__version__} sees no NVIDIA GPU; run this on a machine that has one, "
        "with PyTorch's CUDA build\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_bundle_that_cannot_use_a_gpu_is_not_timed_on_the_processor(scripts_on_the_path, compiled_path):
    import gpu

    with pytest.raises(DeviceError, match="no kernels for a GPU"):
        gpu.measure(Bundle.open(compiled_path), 2)


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="needs an NVIDIA GPU and PyTorch's CUDA build")
def test_both_engines_are_compared_and_timed(tmp_path):
    subprocess.run([sys.executable, SCRIPT, "--results", tmp_path, "--frames", "20"], check=True)
    (path,) = tmp_path.glob("gpu-*.json")
    ours, theirs = read_record(path).backends
    assert (ours.name, theirs.name) == ("tvm", "torch-compile")
    assert ours.compute.startswith("gpu")
    assert ours.max_relative_error <= 1e-4
