"""One compiled bundle on all engines: the same answers, and states that travel between them."""

import threading

import numpy as np
import pytest

from tsm_edge.runtime import Session, StreamState
from tsm_edge.runtime.backends.table import BACKENDS
from tsm_edge.runtime.verify import verify_bundle

# Same float32 arithmetic in another order of summation: errors follow the largest logit.
TOLERANCE = 1e-5

FRAMES = np.random.default_rng(3).integers(0, 256, (10, 90, 120, 3), np.uint8)


@pytest.fixture(scope="module")
def sessions(compiled_path):
    opened = {name: Session.load(compiled_path, threads=1, backend=name) for name in BACKENDS}
    yield opened
    for session in opened.values():
        session.close()


def logits_of(stream, frames):
    return np.stack([stream.step(frame).logits for frame in frames])


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.fixture(scope="module")
def expected(sessions):
    return logits_of(sessions["onnxruntime"].open_stream(), FRAMES)


@pytest.mark.parametrize("backend", BACKENDS)
def test_engines_agree(sessions, expected, backend):
    assert_close(logits_of(sessions[backend].open_stream(), FRAMES), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_golden_stream_passes(compiled_path, backend):
    assert verify_bundle(compiled_path, backend=backend, threads=1).max_relative_error <= TOLERANCE


@pytest.mark.parametrize(
    ("giver", "taker"), [("tvm", "onnxruntime"), ("onnxruntime", "torch"), ("torch", "tvm")]
)
def test_states_travel_between_engines(sessions, expected, tmp_path, giver, taker):
    first = sessions[giver].open_stream()
    logits_of(first, FRAMES[:4])
    first.state().save(tmp_path / "mid.npz")
    second = sessions[taker].open_stream()
    second.load_state(StreamState.load(tmp_path / "mid.npz"))
    assert_close(logits_of(second, FRAMES[4:]), expected[4:])


def test_compiled_streams_run_in_threads_of_their_own(sessions):
    session = sessions["tvm"]
    alone = [logits_of(session.open_stream(), FRAMES[i:]) for i in range(3)]
    together: dict[int, np.ndarray] = {}

    def work(i: int) -> None:
        together[i] = logits_of(session.open_stream(), FRAMES[i:])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, logits in enumerate(alone):
        np.testing.assert_array_equal(together[i], logits)
