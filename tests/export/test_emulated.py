"""Bundles for ARM on an emulated Cortex-A57: the run tool, and the very libraries that a device would load."""

import json
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tsm_edge.bundle import LIBRARY, ONNX_MODEL, RUN_TOOL, WEIGHTS
from tsm_edge.export.golden import golden_logits
from tsm_edge.export.link import C_FLAGS
from tsm_edge.export.zig import zig_cc
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

ANDROID = [name for name in ARM if TARGETS[name].libc == "bionic"]
TESTS = Path(__file__).parents[1]


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


# A target with a GPU has a tool that its own dynamic linker loads; compiling verified a static twin of it.
@pytest.mark.parametrize("name", ["jetson-nano-cpu", "galaxy-note8"])
def test_run_tool_gives_the_same_bits_on_any_number_of_threads(bundle_for, name):
    bundle = bundle_for(name)
    tool, path = bundle.path / RUN_TOOL, bundle.path
    target = bundle.manifest.target
    said = [json.loads(emulate(target, tool, path, "--json", "--threads", n)) for n in (1, 4)]
    assert [answer["threads"] for answer in said] == [1, 4]
    assert said[0]["frames"] == len(bundle.golden_frames)
    assert said[0]["relative_error"] == said[1]["relative_error"] <= TOLERANCE


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A program of tests/ that loads a library without the device's own linker."""

    @cache
    def program_(name):
        path = tmp_path_factory.mktemp("programs") / name
        # As the compiler makes its run tool, so that zig finds the libc that it built for that.
        zig_cc("aarch64-linux-musl", [*C_FLAGS, "-s", "-static"], [TESTS / f"{name}.c"], path)
        return path

    return program_


@pytest.fixture
def stream(bundle_for, program, tmp_path):
    """Logits of frames that such a program steps on an emulated processor, beside ONNX Runtime's."""

    def stream_(name, loader, *options):
        bundle = bundle_for(name)
        golden, spec = bundle.golden_frames, bundle.manifest.model
        frames = np.concatenate([golden, golden[::-1]])
        np.concatenate([normalise(frame, spec.preprocess) for frame in frames]).tofile(tmp_path / "frames")
        operands = bundle.file(LIBRARY), bundle.file(WEIGHTS), tmp_path / "frames", *options
        lines = emulate(bundle.manifest.target, program(loader), *operands).splitlines()
        logits = np.array([[float.fromhex(word) for word in line.split()] for line in lines])
        assert len(logits) == 16
        return logits, golden_logits(bundle.file(ONNX_MODEL), spec, frames)

    return stream_


def assert_equal_to(logits, expected):
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("name", ARM)
def test_library_itself_answers_as_onnx_runtime_does(stream, name):
    assert_equal_to(*stream(name, "load_library", 1))


@pytest.mark.parametrize("name", ARM)
def test_library_itself_gives_the_same_bits_on_four_threads(stream, name):
    one, four = (stream(name, "load_library", threads)[0] for threads in (1, 4))
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize("name", ANDROID)
def test_library_answers_java_as_onnx_runtime_does(stream, name):
    assert_equal_to(*stream(name, "call_jni"))


@pytest.mark.parametrize(
    ("name", "layout"), [("jetson-nano-cpu", "nv21:81x61:90"), ("galaxy-note8", "rgba:81x61:180")]
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


@pytest.mark.parametrize(
    ("file", "content", "model"),
    [
        ("proc/device-tree/model", b"NVIDIA Jetson Nano Developer Kit\0", "NVIDIA Jetson Nano Developer Kit"),
        ("sys/firmware/devicetree/base/model", b'Board "X"\\\xff\0', 'Board "X"\\?'),
        ("system/build.prop", b"# a comment\nro.product.model=SM-N950F\nro.x=y\n", "SM-N950F"),
        ("vendor/build.prop", b"ro.product.model=", None),
        ("system/build.prop", b"x" * 5000 + b"\nro.product.model=A\r\n", "A"),
    ],
)
def test_device_says_its_name(bundle_for, tmp_path, file, content, model):
    """From files as a board and a phone have them, in a root of the emulated program's own."""
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_bytes(content)
    bundle = bundle_for("jetson-nano-cpu")
    said = emulate(bundle.manifest.target, "-L", tmp_path, bundle.path / RUN_TOOL, "--json", "--threads", 1)
    assert json.loads(said)["device"]["model"] == model
