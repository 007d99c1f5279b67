import ctypes
import shutil
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsm_edge.bundle import Bundle
from tsm_edge.errors import FrameError, StateError
from tsm_edge.runtime import Session, StreamState
from tsm_edge.runtime.backends.compiled import MAX_THREADS, open_backend

NUM_FRAMES = 12
FRAMES = np.random.default_rng(3).standard_normal((NUM_FRAMES, 1, 3, 32, 32)).astype(np.float32)
# ONNX Runtime sums the same float32 products in another order: errors follow the largest logit.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def bundle(compiled_path):
    return Bundle.open(compiled_path)


@pytest.fixture(scope="module")
def backend(bundle):
    opened = open_backend(bundle, 1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def alone(backend):
    """Logits of the frames, streamed alone on one thread."""
    return step_all(backend.open_stream(), FRAMES)


def step_all(stream, frames):
    return np.array([stream.step(frame) for frame in frames])


def test_interleaved_streams_do_not_touch_each_other(backend, alone):
    one, other = backend.open_stream(), backend.open_stream()
    mixed = [(one.step(a), other.step(b)) for a, b in zip(FRAMES, FRAMES[::-1], strict=True)]
    np.testing.assert_array_equal([a for a, _ in mixed], alone)
    np.testing.assert_array_equal([b for _, b in mixed], step_all(backend.open_stream(), FRAMES[::-1]))


@pytest.mark.parametrize("threads", [1, 2])
def test_streams_step_from_threads_at_once(bundle, alone, threads):
    backend = open_backend(bundle, threads)
    found = {}
    start = threading.Barrier(3)

    def work(number):
        stream = backend.open_stream()
        start.wait()
        found[number] = step_all(stream, np.roll(FRAMES, number, axis=0))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    backend.close()
    np.testing.assert_array_equal(found[0], alone)
    assert len(found) == 3


@pytest.mark.parametrize("threads", [2, 3, 4, MAX_THREADS])
def test_any_number_of_threads_gives_the_same_bits(bundle, alone, threads):
    backend = open_backend(bundle, threads)
    assert backend.threads == threads
    np.testing.assert_array_equal(step_all(backend.open_stream(), FRAMES), alone)
    backend.close()


def test_reset_forgets_all_frames(backend, alone):
    stream = backend.open_stream()
    step_all(stream, FRAMES[5:])
    stream.reset()
    assert all(not buffer.any() for buffer in stream.state())
    np.testing.assert_array_equal(step_all(stream, FRAMES), alone)


def test_memory_of_frames_matters(backend, alone):
    fresh = [backend.open_stream().step(frame) for frame in FRAMES]
    np.testing.assert_array_equal(fresh[0], alone[0])
    assert np.abs(fresh - alone)[1:].max(1).min() > 1e-3


@settings(max_examples=15)
@given(cut=st.integers(0, NUM_FRAMES))
def test_saved_state_goes_on_where_it_was_taken(backend, alone, cut):
    stream = backend.open_stream()
    step_all(stream, FRAMES[:cut])
    saved = stream.state()
    step_all(stream, FRAMES[::-1])
    other = backend.open_stream()
    other.load_state(saved)
    for expected, frame in zip(alone[cut:], FRAMES[cut:], strict=True):
        np.testing.assert_array_equal(other.step(frame), expected)


def test_state_comes_back_as_it_was_given(backend, bundle):
    rng = np.random.default_rng(0)
    given_ = tuple(rng.standard_normal(shape).astype(np.float32) for shape in backend.spec.state.shapes)
    stream = backend.open_stream()
    stream.load_state(given_)
    for found, expected in zip(stream.state(), given_, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("first", "second"), [("tvm", "onnxruntime"), ("onnxruntime", "tvm")])
def test_state_moves_between_engines(compiled_path, alone, tmp_path, first, second):
    with (
        Session.load(compiled_path, backend=first) as one,
        Session.load(compiled_path, backend=second) as other,
    ):
        stream = one.open_stream()
        for frame in FRAMES[:5]:
            stream.step_tensor(frame)
        stream.state().save(tmp_path / "state.npz")
        stream = other.open_stream()
        stream.load_state(StreamState.load(tmp_path / "state.npz"))
        logits = [stream.step_tensor(frame).logits for frame in FRAMES[5:]]
    np.testing.assert_allclose(logits, alone[5:], rtol=0, atol=TOLERANCE * np.abs(alone).max())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0, 0), (0, 1, 17, 3), (0, 2, 31, 31)])
def test_frames_that_are_not_finite_leave_the_state(backend, value, place):
    stream = backend.open_stream()
    stream.step(FRAMES[0])
    before = stream.state()
    spoiled = FRAMES[1].copy()
    spoiled[place] = value
    for use in (stream.step, stream.profile):
        with pytest.raises(FrameError, match=r"NaN or infinite.*as before"):
            use(spoiled)
    for found, expected in zip(stream.state(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_state_that_is_not_finite_is_refused(backend):
    stream = backend.open_stream()
    stream.step(FRAMES[0])
    before = stream.state()
    spoiled = tuple(buffer.copy() for buffer in before)
    spoiled[-1][..., -1] = np.nan
    with pytest.raises(StateError, match="NaN or infinite"):
        stream.load_state(spoiled)
    for found, expected in zip(stream.state(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_largest_frames_that_are_taken_stay_finite(backend):
    stream = backend.open_stream()
    assert np.isfinite(stream.step(np.full_like(FRAMES[0], 1e4))).all()
    assert all(np.isfinite(buffer).all() for buffer in stream.state())


def test_profile_times_every_call_and_steps(backend, bundle, alone):
    stream = backend.open_stream()
    seconds = stream.profile(FRAMES[0])
    assert len(seconds) == len(bundle.manifest.kernels)
    assert all(second >= 0 for second in seconds)
    assert sum(seconds) > 0
    np.testing.assert_array_equal(stream.step(FRAMES[1]), alone[1])


def test_manifest_names_the_librarys_calls_in_their_order(backend, bundle):
    functions = backend._library.functions
    functions.tsm_call_name.restype = ctypes.c_char_p
    names = [functions.tsm_call_name(index).decode() for index in range(len(bundle.manifest.kernels))]
    assert names == [kernel.name for kernel in bundle.manifest.kernels]
    assert functions.tsm_call_name(len(names)) is None
    assert functions.tsm_call_name(-1) is None


def test_path_may_hold_any_characters(compiled_path, tmp_path):
    odd = shutil.copytree(compiled_path, tmp_path / "a b %s 'ü' \udcff")
    backend = open_backend(Bundle.open(odd), 1)
    assert backend.open_stream().step(FRAMES[0]).shape == (27,)
    backend.close()
