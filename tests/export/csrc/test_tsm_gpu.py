"""The driver's GPU half on a mock libcuda.so.1, which runs the bundle's CUDA C on this processor."""

import json
import sys

import numpy as np
import onnxruntime
import pytest

from tsm_edge.bundle import ONNX_MODEL, RUN_TOOL
from tsm_edge.runtime.bench import read_record

NUM_FRAMES = 16
CLI = "from tsm_edge.cli.main import main; main()"
# Errors follow the largest logit. fp32: the same products in another order of summation. fp16: 11 bits.
TOLERANCES = {"fp32": 1e-5, "fp16": 2e-2}

STREAM = """
gpu = open_on("gpu")
assert gpu.device == "gpu mock (CPU)" and not gpu.device_note
stream = gpu.open_stream()
assert stream.device == gpu.device
np.save(sys.argv[3], play(stream, np.load(sys.argv[2])))
stream.close()
gpu.close()
assert Mock().live == Mock().left_behind == 0
"""

# Two cameras on one model, in turns; then a reset, which must not touch the other one.
TWO_STREAMS = """
gpu, frames = open_on("gpu"), np.load(sys.argv[2])
alone = gpu.open_stream()
first, second = play(alone, frames), play(alone, frames)
assert np.abs(first - second).max() > 0, "the state lives on"
alone.reset()
np.testing.assert_array_equal(play(alone, frames), first)
one, two = gpu.open_stream(), gpu.open_stream()
play(one, frames[:3])
for frame, expected in zip(frames, first):
    one.step(frame[None])
    np.testing.assert_array_equal(two.step(frame[None]), expected)
two.reset()
one.step(frames[:1])
np.testing.assert_array_equal(play(two, frames), first)
for stream in (one, two, alone):
    stream.close()
gpu.close()
"""

# From one half to the other and back: a state is the same wherever it is.
STATES = """
halves, frames, tolerance = {name: open_on(name) for name in ("cpu", "gpu")}, np.load(sys.argv[2]), float(sys.argv[3])
streams = {name: half.open_stream() for name, half in halves.items()}
expected = play(streams["cpu"], frames)
for here, there in (("cpu", "gpu"), ("gpu", "cpu")):
    streams[here].reset()
    play(streams[here], frames[:7])
    state = streams[here].state()
    assert [buffer.shape for buffer in state] == list(halves[here].spec.state.shapes)
    streams[there].load_state(state)
    for moved, buffer in zip(streams[there].state(), state):
        np.testing.assert_allclose(moved, buffer, rtol=tolerance / 10, atol=0)
    rest = play(streams[there], frames[7:])
    assert np.abs(rest - expected[7:]).max() <= tolerance * np.abs(expected).max()
    kept = streams["gpu"].state()
    try:
        streams["gpu"].load_state([np.full_like(buffer, np.nan) for buffer in kept])
        raise SystemExit("NaN was loaded")
    except StateError:
        pass
    for moved, buffer in zip(streams["gpu"].state(), kept):
        np.testing.assert_array_equal(moved, buffer)
for name in halves:
    streams[name].close()
    halves[name].close()
"""

PROFILE = """
gpu, frames = open_on("gpu"), np.load(sys.argv[2])
stream, other = gpu.open_stream(), gpu.open_stream()
seconds = [stream.profile(frame[None]) for frame in frames[:2]]
kernels = Bundle.open(sys.argv[1]).manifest.gpu.kernels
assert {len(each) for each in seconds} == {len(kernels)}
assert all(second > 0 for each in seconds for second in each)
play(other, frames[:2])
np.testing.assert_array_equal(stream.step(frames[2:3]), other.step(frames[2:3]))
stream.close()
other.close()
gpu.close()
"""


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(11).standard_normal((NUM_FRAMES, 3, 32, 32)).astype(np.float32)


@pytest.fixture
def frames_path(frames, tmp_path):
    np.save(tmp_path / "frames.npy", frames)
    return tmp_path / "frames.npy"


@pytest.fixture(scope="module")
def expected(small_onnx, frames):
    """ONNX Runtime's logits, (T, classes)."""
    session = onnxruntime.InferenceSession(str(small_onnx), providers=["CPUExecutionProvider"])
    frame, *buffers = session.get_inputs()
    state, logits = [np.zeros(buffer.shape, np.float32) for buffer in buffers], []
    for each in frames:
        feeds = {buffer.name: values for buffer, values in zip(buffers, state, strict=True)}
        answer, *state = session.run(None, {frame.name: each[None], **feeds})
        logits.append(answer[0])
    return np.stack(logits)


@pytest.mark.parametrize("graphs", [True, False], ids=["graphs", "launches"])
@pytest.mark.parametrize("precision", TOLERANCES)
def test_streams_as_onnx_runtime_does(
    gpu_for, gpu_bundle_for, frames_path, expected, tmp_path, precision, graphs
):
    machine, bundle = gpu_for(precision, graphs=graphs), gpu_bundle_for(precision)
    machine.python(STREAM, bundle.path, frames_path, tmp_path / "logits.npy")
    logits = np.load(tmp_path / "logits.npy")
    assert bundle.file(ONNX_MODEL).is_file()
    assert np.abs(logits - expected).max() <= TOLERANCES[precision] * np.abs(expected).max()
    assert np.abs(logits - expected[::-1]).max() > np.abs(logits - expected).max(), "frames differ"


@pytest.mark.parametrize("precision", TOLERANCES)
def test_streams_share_a_gpu_and_nothing_else(gpu_for, gpu_bundle_for, frames_path, precision):
    gpu_for(precision).python(TWO_STREAMS, gpu_bundle_for(precision).path, frames_path)


@pytest.mark.parametrize("precision", TOLERANCES)
def test_state_moves_between_processor_and_gpu(gpu_for, gpu_bundle_for, frames_path, precision):
    bundle = gpu_bundle_for(precision)
    gpu_for(precision).python(STATES, bundle.path, frames_path, TOLERANCES[precision])


def test_profile_times_each_launch_and_advances_the_state(gpu, gpu_bundle_for, frames_path):
    gpu.python(PROFILE, gpu_bundle_for("fp32").path, frames_path)


# Settings of the mock, and the reason that is told.
LACKS = {
    "MOCK_CUDA_DEVICES=0": "the NVIDIA driver sees no GPU",
    "MOCK_CUDA_DEVICES=-1": "cuInit: CUDA_ERROR_NO_DEVICE (100)",
    "MOCK_CUDA_COMPUTE=53": "mock (CPU) has compute capability 5.3, this bundle's kernels need 7.5 or newer",
    "MOCK_CUDA_DRIVER=9020": "the driver refuses kernels.ptx: CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
    "cuMemAlloc_v2": "bytes of the GPU's memory: CUDA_ERROR_UNKNOWN",
    "cuLaunchKernel": "mock (CPU) cannot run this bundle's kernels",
}
LACKING = """
import os
mock, before = Mock(), {"MOCK_CUDA_DEVICES": "1", "MOCK_CUDA_DRIVER": "10020", **os.environ}
for lack in sys.argv[2:]:
    name, _, value = lack.partition("=")
    os.environ.update({name: value} if value else {})
    mock.fail("" if value else name)
    backend = open_on("auto")
    print(backend.device, backend.device_note)
    backend.close()
    try:
        open_on("gpu")
    except DeviceError as error:
        print(error)
    open_on("cpu").close()
    os.environ.update(before)
"""


def test_what_a_gpu_lacks_is_told_in_one_line(gpu, copy):
    done = gpu.python(LACKING, copy, *LACKS)
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * len(LACKS)
    for line, demanded, said in zip(lines[::2], lines[1::2], LACKS.values(), strict=True):
        assert line.startswith("cpu running on the CPU: ")
        assert demanded.startswith("the GPU cannot be used: ")
        assert said in line
        assert said in demanded
    assert done.stderr.splitlines() == [line.removeprefix("cpu ") for line in lines[::2]]


def test_without_a_driver_the_processor_computes(gpu, copy):
    reason = "no NVIDIA driver: libcuda.so.1: cannot open shared object file: No such file or directory"
    code = "for _ in range(2):\n  backend = open_on('auto')\n  print(backend.device)\n  backend.close()"
    done = gpu.python(code, copy, LD_LIBRARY_PATH=None)
    assert (done.stdout, done.stderr) == ("cpu\ncpu\n", f"running on the CPU: {reason}\n"), "told once"
    tool = [copy / RUN_TOOL, copy, "--json", "--device"]
    found = json.loads(gpu.run(*tool, "auto", LD_LIBRARY_PATH=None).stdout)
    assert (found["compute"], found["compute_note"]) == ("cpu", f"running on the CPU: {reason}")
    assert found["tolerance"] == 1e-5
    demanded = gpu.run(*tool, "gpu", LD_LIBRARY_PATH=None, code=1)
    assert (demanded.stdout, demanded.stderr) == ("", f"tsm-run: the GPU cannot be used: {reason}\n")


@pytest.mark.parametrize("precision", TOLERANCES)
def test_run_tool_replays_the_golden_stream_on_the_gpu(gpu_for, gpu_bundle_for, precision):
    bundle = gpu_bundle_for(precision)
    found = json.loads(gpu_for(precision).run(bundle.path / RUN_TOOL, "--json", "--device", "gpu").stdout)
    assert (found["compute"], found["compute_note"]) == ("gpu mock (CPU)", "")
    assert found["relative_error"] <= TOLERANCES[precision]
    assert found["tolerance"] == {"fp32": 1e-4, "fp16": 2e-2}[precision]
    assert found["equal"]


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def _altered(path):
    path.write_text(path.read_text() + "//\n")


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("kernels.ptx", lambda path: path.unlink(), "cannot read kernels.ptx beside"),
        ("kernels.ptx", _altered, "kernels.ptx belongs to another library; copy the whole bundle again"),
        ("gpu_weights.bin", lambda path: path.unlink(), "cannot read gpu_weights.bin beside"),
        ("gpu_weights.bin", _cut, "gpu_weights.bin has"),
    ],
)
def test_damaged_files_leave_the_processor(gpu, copy, name, harm, said):
    harm(copy / name)
    found = json.loads(gpu.run(copy / RUN_TOOL, copy, "--json").stdout)
    assert found["equal"]
    assert found["compute"] == "cpu"
    assert found["compute_note"].startswith("running on the CPU: ")
    assert said in found["compute_note"]


def test_two_models_at_once_and_one_after_the_other(gpu, gpu_bundle_for, frames_path):
    code = """
frames, models = np.load(sys.argv[2]), [open_on("gpu") for _ in range(2)]
streams = [model.open_stream() for model in models]
answers = [play(stream, frames[:3]) for stream in streams]
np.testing.assert_array_equal(*answers)
streams[0].close()
models[0].close()
play(streams[1], frames[:1])
streams[1].close()
models[1].close()
again = open_on("gpu")
stream = again.open_stream()
np.testing.assert_array_equal(play(stream, frames[:3]), answers[0])
stream.close()
again.close()
"""
    gpu.python(code, gpu_bundle_for("fp32").path, frames_path)


def test_commands_say_and_choose_what_computes(gpu, gpu_bundle_for, tmp_path):
    path, program = gpu_bundle_for("fp32").path, [sys.executable, "-c", CLI]
    verified = gpu.run(*program, "verify", path).stdout
    assert "on tvm (gpu mock (CPU)), twice" in verified
    assert "accepted 1e-04" in verified
    record = tmp_path / "record.json"
    quick = ["--frames", 3, "--warmup", 1, "--backend", "tvm", "--profile", "--json", record]
    for device, compute in {"auto": "gpu mock (CPU)", "gpu": "gpu mock (CPU)", "cpu": "cpu"}.items():
        gpu.run(
            *program, "bench", path, *quick, "--device", device, MOCK_CUDA_LEAKS=0
        )  # the cold start ends with its process
        (engine,) = read_record(record).backends
        assert engine.compute == compute
        manifest = gpu_bundle_for("fp32").manifest
        kernels = manifest.kernels if device == "cpu" else manifest.gpu.kernels
        assert [kernel.name for kernel in engine.kernels] == [kernel.name for kernel in kernels]
    refused = gpu.run(*program, "verify", path, "--backend", "onnxruntime", "--device", "gpu", code=2)
    assert "backend onnxruntime computes on the CPU alone" in refused.stderr
