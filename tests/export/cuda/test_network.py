"""Whole networks on the GPU's kernels, run on the CPU, against ONNX Runtime."""

import numpy as np
import onnxruntime
import pytest
from gpu_lab import GpuStream

from tsm_edge.export.cuda import plan_gpu
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.targets.gpu import JETSON_NANO_GPU, JETSON_ORIN_NANO_GPU

NUM_FRAMES = 5
# Errors follow the largest logit. fp32: the same products in another order of summation. fp16: 11 bits.
TOLERANCES = {"fp32": 1e-5, "fp16": 2e-2}


def stream_onnx(path, frames):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    frame, *buffers = session.get_inputs()
    state = [np.zeros(buffer.shape, np.float32) for buffer in buffers]
    logits = []
    for each in frames:
        feeds = {buffer.name: values for buffer, values in zip(buffers, state, strict=True)}
        answer, *state = session.run(None, {frame.name: each, **feeds})
        logits.append(answer[0])
    return np.array(logits)


@pytest.mark.parametrize(
    ("fixture", "gpu", "precision"),
    [
        ("onnx_path", JETSON_NANO_GPU, "fp32"),
        ("onnx_path", JETSON_NANO_GPU, "fp16"),
        ("small_onnx", JETSON_ORIN_NANO_GPU, "fp32"),
        ("small_onnx", JETSON_ORIN_NANO_GPU, "fp16"),
        ("resnet_onnx_path", JETSON_NANO_GPU, "fp32"),
    ],
    ids=lambda value: getattr(value, "arch", value),
)
def test_streams_as_onnx_runtime_does(request, fixture, gpu, precision, tmp_path):
    path = request.getfixturevalue(fixture)
    frames = np.random.default_rng(5).standard_normal((NUM_FRAMES, 1, 3, 32, 32)).astype(np.float32)
    expected = stream_onnx(path, frames)
    network = fuse_layers(read_graph(import_relax(path)))
    stream = GpuStream(plan_gpu(network, gpu, precision), expected.shape[1], tmp_path)
    found = np.array([stream.step(frame) for frame in frames])
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error <= TOLERANCES[precision]
    assert np.abs(found - expected[::-1]).max() > np.abs(found - expected).max(), "frames differ"
