"""The adapter that every peer goes through, around ONNX Runtime, which is always here."""

import numpy as np
import onnxruntime
import pytest

from tsm_edge.bundle import ONNX_MODEL
from tsm_edge.errors import VerificationError
from tsm_edge.runtime.bench import BenchOptions, benchmark


@pytest.fixture
def infer(tiny):
    session = onnxruntime.InferenceSession(tiny.file(ONNX_MODEL), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, arrays, strict=True)))


@pytest.fixture
def backend(tiny, infer):
    import peer_backend

    return peer_backend.PeerBackend("peer", infer, tiny.manifest.model, 1)


def frames(spec, count):
    return np.random.default_rng(5).standard_normal((count, *spec.input_shape)).astype(np.float32)


def test_agrees_with_the_runtimes_own_backend(tiny, backend):
    options = BenchOptions(backends=("onnxruntime",), num_frames=2, warmup=0, cold_start=False)
    ours, peer = benchmark(tiny, options, extra_engines={"peer": lambda: backend}).backends
    assert (ours.name, peer.name) == ("onnxruntime", "peer")
    assert peer.max_relative_error == ours.max_relative_error


def test_peer_that_forgets_its_state_is_not_timed(tiny, infer):
    import peer_backend

    def forgetful(arrays):
        logits, *buffers = infer(arrays)
        return [logits, *(np.zeros_like(buffer) for buffer in buffers)]

    broken = peer_backend.PeerBackend("forgetful", forgetful, tiny.manifest.model, 1)
    options = BenchOptions(backends=("onnxruntime",), num_frames=2, warmup=0, cold_start=False)
    with pytest.raises(VerificationError, match="forgetful differs"):
        benchmark(tiny, options, extra_engines={"forgetful": lambda: broken})


def test_state_can_be_saved_and_restored(tiny, backend):
    first, second = frames(tiny.manifest.model, 2)
    stream, other = backend.open_stream(), backend.open_stream()
    fresh = stream.step(second)
    stream.reset()
    stream.step(first)
    other.load_state(stream.state())
    np.testing.assert_array_equal(other.step(second), stream.step(second))
    assert not np.array_equal(stream.step(second), fresh)
