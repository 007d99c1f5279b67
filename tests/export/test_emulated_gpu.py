"""A Jetson Nano's library on an emulated Cortex-A57, with its GPU half on the mock of NVIDIA's driver.

Both halves of the very file that travels: the driver for ARM, and the kernels for sm_53 as CUDA C on that processor.
"""

import platform
import shutil
import subprocess

import numpy as np
import pytest
from mock_gpu import MOCK_CUDA, MOCK_SOURCES, kernels_for

from tsm_edge.bundle import LIBRARY, ONNX_MODEL, WEIGHTS
from tsm_edge.export.golden import golden_logits
from tsm_edge.export.link import C_FLAGS
from tsm_edge.export.zig import c_source, run_zig, zig_cc
from tsm_edge.runtime.preprocess import normalise

QEMU = shutil.which("qemu-aarch64")
TARGET = "aarch64-linux-musl"
CPP_FLAGS = ("-std=c++17", "-O2", "-fno-exceptions", "-fno-rtti", "-Wno-everything", "-g0", "-c")
TOLERANCE = 1e-5

pytestmark = [
    pytest.mark.skipif(QEMU is None, reason="qemu-aarch64 is missing; on Debian: apt-get install qemu-user"),
    pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine needs no emulator for ARM"),
]


@pytest.fixture
def loader(bundle_for, tmp_path):
    """A static program that loads the library, with the driver's mock and the kernels linked in."""
    kernels_for(bundle_for("jetson-nano"), tmp_path)
    objects = [tmp_path / "kernels.o", tmp_path / "fibers.o"]
    sources = [tmp_path / "kernels_on_cpu.cc", MOCK_CUDA / "cuda_on_cpu.cc"]
    for source, compiled in zip(sources, objects, strict=True):
        run_zig(["cc", "-target", TARGET, *CPP_FLAGS, f"-I{MOCK_CUDA}", source, "-o", compiled])
    flags = [
        *C_FLAGS,
        "-static",
        "-DLINKED_MOCK",
        "-DMOCK_STATIC_KERNELS",
        f"-I{c_source('tsm_cuda.h').parent}",
    ]
    program = tmp_path / "load_library"
    zig_cc(TARGET, flags, [MOCK_CUDA.parent / "load_library.c", *MOCK_SOURCES, *objects], program)
    return program


def test_gpu_half_for_arm_answers_as_onnx_runtime_does(bundle_for, loader, tmp_path):
    bundle = bundle_for("jetson-nano")
    copy = shutil.copytree(bundle.path, tmp_path / "bundle")
    spec, golden = bundle.manifest.model, bundle.golden_frames
    frames = np.concatenate([golden, golden[::-1]])
    np.concatenate([normalise(frame, spec.preprocess) for frame in frames]).tofile(tmp_path / "frames")
    command = [QEMU, "-cpu", "cortex-a57", loader, copy / LIBRARY, copy / WEIGHTS, tmp_path / "frames", "1"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "gpu mock (CPU)\n"
    logits = np.array([[float.fromhex(word) for word in line.split()] for line in done.stdout.splitlines()])
    expected = golden_logits(bundle.file(ONNX_MODEL), spec, frames)
    assert len(logits) == 16
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())
    assert list(copy.glob("kernels-*.cubin"))
