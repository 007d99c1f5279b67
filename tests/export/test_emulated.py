"""Bundles for ARM on an emulated Cortex-A57: the run tool, and the very libraries that a device would load."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from tsm_edge.bundle import C_HEADER, LIBRARY, RUN_TOOL, WEIGHTS
from tsm_edge.export.link import C_FLAGS
from tsm_edge.runtime.preprocess import normalise
from tsm_edge.targets import TARGETS

QEMU = shutil.which("qemu-aarch64")
# qemu's models of the processors that it has; the others' code runs on one that has every extension.
PROCESSORS = {"cortex-a57", "cortex-a72", "cortex-a76"}
# The same float32 arithmetic in another order of summation: errors follow the largest logit.
TOLERANCE = 1e-5

pytestmark = [
    pytest.mark.skipif(QEMU is None, reason="qemu-aarch64 is missing; on Debian: apt-get install qemu-user"),
    pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine needs no emulator for ARM"),
]
ARM = [
    name for name, target in TARGETS.items() if target.architecture == "aarch64" and target.libc != "darwin"
]


def emulate(target, *command):
    cpu = target.cpu if target.cpu in PROCESSORS else "cortex-a57" if target.features == ("+neon",) else "max"
    done = subprocess.run(
        [QEMU, "-cpu", cpu, *map(str, command)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ARM)
def test_compiling_replays_the_golden_stream(bundle_for, name):
    verification = bundle_for(name).manifest.verification
    assert verification.method == "qemu-aarch64 (emulated)"
    assert verification.num_frames >= 2
    assert 0 < verification.max_relative_error <= TOLERANCE


@pytest.mark.parametrize("name", ["jetson-nano", "galaxy-note8"])
def test_run_tool_gives_the_same_bits_on_any_number_of_threads(bundle_for, name):
    bundle = bundle_for(name)
    tool, path = bundle.path / RUN_TOOL, bundle.path
    target = bundle.manifest.target
    said = [json.loads(emulate(target, tool, path, "--json", "--threads", n)) for n in (1, 4)]
    assert [answer["threads"] for answer in said] == [1, 4]
    assert said[0]["frames"] == len(bundle.golden_frames)
    assert said[0]["relative_error"] == said[1]["relative_error"] <= TOLERANCE


@pytest.fixture(scope="module")
def loader(bundle_for, tmp_path_factory):
    """A program that loads a library without the device's own linker."""
    source, program = (
        Path(__file__).parents[1] / "load_library.c",
        tmp_path_factory.mktemp("loader") / "loader",
    )
    # As the compiler makes its run tool, so that zig finds the libc that it built for that.
    flags = ["-target", "aarch64-linux-musl", *C_FLAGS, "-s", "-static"]
    include = f"-I{bundle_for('jetson-nano').file(C_HEADER).parent}"
    command = [sys.executable, "-m", "ziglang", "cc", *flags, include, str(source), "-o", str(program)]
    cache = str(platformdirs.user_cache_path("tsm-edge") / "zig")
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    subprocess.run(command, check=True, env=environment)
    return program


@pytest.mark.parametrize("name", ARM)
def test_library_itself_answers_as_onnx_runtime_does(bundle_for, loader, tmp_path, name):
    bundle = bundle_for(name)
    frames = [normalise(frame, bundle.manifest.model.preprocess) for frame in bundle.golden_frames]
    np.concatenate(frames).tofile(tmp_path / "frames")
    logits = {}
    for threads in (1, 4):
        operands = bundle.file(LIBRARY), bundle.file(WEIGHTS), tmp_path / "frames", threads
        lines = emulate(bundle.manifest.target, loader, *operands).splitlines()
        logits[threads] = np.array([[float.fromhex(word) for word in line.split()] for line in lines])
    np.testing.assert_array_equal(logits[1], logits[4])
    golden = bundle.golden_logits
    np.testing.assert_allclose(logits[1], golden, rtol=0, atol=TOLERANCE * np.abs(golden).max())


@pytest.mark.parametrize(
    ("name", "layout"), [("jetson-nano", "nv21:81x61:90"), ("galaxy-note8", "rgba:81x61:180")]
)
def test_images_are_answered_as_on_this_machine(bundle_for, tmp_path, name, layout):
    """Pixels are whole numbers, so that the frames are the same; floats are summed in another order."""
    (tmp_path / "frames").write_bytes(np.random.default_rng(0).bytes(4 * 81 * 61 * 4))
    raw = ["--raw", tmp_path / "frames", "--image", layout, "--frames", 4, "--json"]
    bundle, native = bundle_for(name), bundle_for("host")
    here = subprocess.run(
        [native.path / RUN_TOOL, *map(str, raw)], capture_output=True, text=True, check=True
    ).stdout
    there = emulate(bundle.manifest.target, bundle.path / RUN_TOOL, *raw)
    logits = [np.array([json.loads(line)["logits"] for line in said.splitlines()]) for said in (there, here)]
    np.testing.assert_allclose(*logits, rtol=0, atol=TOLERANCE * np.abs(logits[1]).max())
