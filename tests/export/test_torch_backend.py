import threading

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from tsm_edge.errors import BundleError, UnknownModelError
from tsm_edge.export.torch_backend import open_backend
from tsm_edge.specs import ONNX_METADATA_KEY


@pytest.fixture(scope="module")
def backend(onnx_path):
    return open_backend(onnx_path, threads=1)


@pytest.fixture(scope="module")
def frames(clip):
    return clip[:8, None].numpy()


def steps(stream, frames):
    return np.stack([stream.step(frame) for frame in frames])


def test_stream_answers_as_onnx_runtime(backend, onnx_path, frames, assert_close):
    session = onnxruntime.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
    state = [np.zeros(shape, np.float32) for shape in backend.spec.state.shapes]
    stream = backend.open_stream()
    for frame in frames:
        feed = {f"shift_buffer_{i}": buffer for i, buffer in enumerate(state)}
        (expected,), *state = session.run(None, {"frame": frame, **feed})
        logits = stream.step(frame)
        assert (logits.dtype, logits.shape) == (np.float32, (27,))
        assert_close(logits, expected)
        for buffer, reference in zip(stream.state(), state, strict=True):
            assert_close(buffer, reference)


def test_resnet_comes_back_from_its_file(resnet, resnet_onnx_path, clip, assert_close):
    stream = open_backend(resnet_onnx_path, threads=1).open_stream()
    with torch.inference_mode():
        expected = resnet(clip[None, :3])[0]
    assert_close(steps(stream, clip[:3, None].numpy()), expected)


def test_backend_tells_what_it_is(backend, mobilenet):
    assert (backend.name, backend.threads) == ("torch", 1)
    assert backend.spec == mobilenet.spec


def test_reset_forgets_all_frames(backend, frames):
    stream = backend.open_stream()
    first = steps(stream, frames)
    stream.reset()
    np.testing.assert_array_equal(steps(stream, frames), first)


def test_state_moves_to_another_stream(backend, frames):
    stream, other = backend.open_stream(), backend.open_stream()
    steps(stream, frames[:4])
    other.load_state(stream.state())
    np.testing.assert_array_equal(steps(other, frames[4:]), steps(stream, frames[4:]))


def test_saved_state_is_a_copy_of_plain_arrays(backend, frames):
    stream = backend.open_stream()
    stream.step(frames[0])
    saved = stream.state()
    copies = [buffer.copy() for buffer in saved]
    steps(stream, frames[1:])
    for buffer, copy, shape in zip(saved, copies, backend.spec.state.shapes, strict=True):
        np.testing.assert_array_equal(buffer, copy)
        assert (buffer.shape, buffer.dtype) == (shape, np.float32)
        assert buffer.flags.c_contiguous
        assert buffer.flags.owndata


def test_loaded_state_does_not_follow_the_callers_array(backend, frames):
    stream = backend.open_stream()
    stream.step(frames[0])
    saved = stream.state()
    stream.load_state(saved)
    expected = stream.step(frames[1])
    stream.load_state(saved)
    for buffer in saved:
        buffer.fill(0)
    np.testing.assert_array_equal(stream.step(frames[1]), expected)


def test_streams_in_several_threads_do_not_touch_each_other(backend, frames):
    expected = [steps(backend.open_stream(), frames * scale) for scale in (1, 2, 3)]
    found = [None] * 3

    def run(i):
        found[i] = steps(backend.open_stream(), frames * (i + 1))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answers, reference in zip(found, expected, strict=True):
        np.testing.assert_array_equal(answers, reference)


def test_what_is_no_exported_file_is_refused(tmp_path):
    with pytest.raises(BundleError, match="No such file"):
        open_backend(tmp_path / "absent.onnx", threads=1)
    (tmp_path / "x.onnx").write_bytes(b"no protobuf at all")
    with pytest.raises(BundleError, match="as ONNX"):
        open_backend(tmp_path / "x.onnx", threads=1)


def test_file_without_description_is_refused(onnx_path, tmp_path):
    proto = onnx.load(onnx_path)
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "x.onnx")
    with pytest.raises(BundleError, match="does not say which network it holds"):
        open_backend(tmp_path / "x.onnx", threads=1)


def test_file_of_a_later_version_is_refused(onnx_path, tmp_path):
    proto = onnx.load(onnx_path)
    text = proto.metadata_props[0].value.replace('"mobilenetv2"', '"mobilenetv9"')
    onnx.helper.set_model_props(proto, {ONNX_METADATA_KEY: text})
    onnx.save(proto, tmp_path / "x.onnx")
    with pytest.raises(UnknownModelError, match="unknown architecture 'mobilenetv9'"):
        open_backend(tmp_path / "x.onnx", threads=1)


@pytest.mark.parametrize("change", ["missing", "reshaped"])
def test_weights_that_do_not_fit_are_refused(onnx_path, tmp_path, change):
    proto = onnx.load(onnx_path)
    (tensor,) = (t for t in proto.graph.initializer if t.name == "backbone.classifier.weight")
    if change == "missing":
        proto.graph.initializer.remove(tensor)
    else:
        tensor.CopyFrom(numpy_helper.from_array(np.ones((26, 1280), np.float32), tensor.name))
    onnx.save(proto, tmp_path / "x.onnx")
    with pytest.raises(BundleError, match="weights do not fit mobilenetv2"):
        open_backend(tmp_path / "x.onnx", threads=1)
