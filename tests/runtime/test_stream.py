import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.errors import FrameError, StateError, UsageError
from tsm_edge.runtime import Session, Stream, StreamState
from tsm_edge.runtime.preprocess import normalise

BLACK = np.zeros((40, 50, 3), np.uint8)
WHITE = np.full((40, 50, 3), 255, np.uint8)

FRAMES = np.random.default_rng(1).integers(0, 256, (12, 40, 50, 3), np.uint8)


def logits_of(stream, frames):
    return [stream.step(frame).logits for frame in frames]


def assert_states_equal(found: StreamState, expected: StreamState) -> None:
    for a, b in zip(found.shift_buffers, expected.shift_buffers, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found.smoothing.history, expected.smoothing.history)
    assert found.frame == expected.frame


def test_golden_stream_comes_out(session):
    stream = session.open_stream()
    for frame, logits in zip(session.bundle.golden_frames, session.bundle.golden_logits, strict=True):
        prediction = stream.step_tensor(normalise(frame, session.spec.preprocess))
        np.testing.assert_array_equal(prediction.logits, logits)


def test_prediction_says_all_that_is_known(session):
    stream = session.open_stream()
    first = stream.step(WHITE)
    second = stream.step(WHITE, frame_index=9, timestamp_s=1.5)
    assert (first.frame, first.timestamp_s) == (0, None)
    assert (second.frame, second.timestamp_s) == (9, 1.5)
    assert second.label == session.spec.labels[int(second.logits.argmax())]
    assert second.score == second.top[0][1]
    assert len(second.top) == 5
    assert set(second.latency_ms) == {"preprocess", "infer", "postprocess"}
    assert all(value > 0 for value in second.latency_ms.values())


def test_memory_of_frames_matters(session):
    stream = session.open_stream()
    alone = stream.step(BLACK).logits
    stream.reset()
    stream.step(WHITE)
    assert np.abs(stream.step(BLACK).logits - alone).max() > 1e-3


def test_reset_forgets_everything(session):
    stream = session.open_stream()
    first = [stream.step(frame) for frame in FRAMES[:3]]
    stream.reset()
    again = [stream.step(frame) for frame in FRAMES[:3]]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.logits, b.logits)
        assert (a.frame, a.smoothed_label) == (b.frame, b.smoothed_label)


def test_interleaved_streams_do_not_touch_each_other(session):
    one, other = session.open_stream(), session.open_stream()
    mixed = [(one.step(a).logits, other.step(b).logits) for a, b in zip(FRAMES, FRAMES[::-1], strict=True)]
    alone = logits_of(session.open_stream(), FRAMES)
    reverse = logits_of(session.open_stream(), FRAMES[::-1])
    for (a, b), expected_a, expected_b in zip(mixed, alone, reverse, strict=True):
        np.testing.assert_array_equal(a, expected_a)
        np.testing.assert_array_equal(b, expected_b)


@given(cut=st.integers(0, len(FRAMES)))
def test_saved_state_goes_on_where_it_was_taken(tiny_path, tmp_path_factory, cut):
    with Session.load(tiny_path, backend="onnxruntime") as session:
        stream = session.open_stream()
        whole = [stream.step(frame) for frame in FRAMES]
        stream.reset()
        logits_of(stream, FRAMES[:cut])
        path = tmp_path_factory.mktemp("state") / "mid.npz"
        stream.state().save(path)
        other = session.open_stream()
        other.step(WHITE)
        other.load_state(StreamState.load(path))
        for expected, frame in zip(whole[cut:], FRAMES[cut:], strict=True):
            found = other.step(frame)
            np.testing.assert_array_equal(found.logits, expected.logits)
            assert (found.frame, found.smoothed_label) == (expected.frame, expected.smoothed_label)


def test_state_is_a_copy(session):
    stream = session.open_stream()
    stream.step(WHITE)
    saved = stream.state()
    kept = [buffer.copy() for buffer in saved.shift_buffers]
    stream.step(BLACK)
    for buffer, before in zip(saved.shift_buffers, kept, strict=True):
        np.testing.assert_array_equal(buffer, before)
    stream.load_state(saved)
    for buffer in saved.shift_buffers:
        buffer[:] = 1e3
    for buffer, before in zip(stream.state().shift_buffers, kept, strict=True):
        np.testing.assert_array_equal(buffer, before)


def bad_tensors(shape):
    good = np.zeros(shape, np.float32)
    yield good[0], "shape"
    yield good.astype(np.float64), "float64"
    yield good.astype(">f4"), ">f4"
    yield good.tolist(), "a list"
    for value in (np.nan, np.inf, -np.inf, 1e30, -1e30):
        spoiled = good.copy()
        spoiled[0, 1, 2, 3] = value
        yield spoiled, "NaN, infinity"


def test_refused_frames_leave_the_stream_as_it_was(session):
    stream = session.open_stream()
    stream.step(WHITE)
    before = stream.state()
    for tensor, _ in bad_tensors(session.spec.input_shape):
        with pytest.raises(FrameError) as refused:
            stream.step_tensor(tensor)
        assert "\n" not in str(refused.value)
    for frame in (BLACK[..., 0], BLACK.astype(np.uint16), BLACK[:0], "frame"):
        with pytest.raises(FrameError):
            stream.step(frame)
    assert_states_equal(stream.state(), before)


def test_refused_state_leaves_the_stream_as_it_was(session):
    stream = session.open_stream()
    stream.step(WHITE)
    before = stream.state()
    spoiled = StreamState(
        shift_buffers=(np.full((1, 2, 8, 8), np.nan, np.float32),) * 2, smoothing=before.smoothing, frame=1
    )
    with pytest.raises(StateError, match="NaN"):
        stream.load_state(spoiled)
    assert_states_equal(stream.state(), before)


def test_tensor_need_not_be_contiguous(session):
    stream = session.open_stream()
    network_input = normalise(session.bundle.golden_frames[0], session.spec.preprocess)
    expected = stream.step_tensor(network_input).logits
    stream.reset()
    np.testing.assert_array_equal(stream.step_tensor(np.asfortranarray(network_input)).logits, expected)


def test_gestures_start_and_end(session):
    heard = []
    stream = session.open_stream(on_event=heard.append)
    predictions = [stream.step(frame) for frame in (BLACK, WHITE, WHITE, *[BLACK] * 8)]
    assert [event.kind for event in heard] == ["started", "ended"]
    assert {event.label for event in heard} == {"Stop Sign"}
    for event in heard:
        assert predictions[event.frame].event == event
    assert sum(len(prediction.events) for prediction in predictions) == 2


@pytest.mark.parametrize(("fps", "read"), [(6, 12), (12, 12), (15, 15), (24, 12), (30, 15), (50, 50 / 4)])
def test_frames_that_come_too_early_repeat_the_prediction_before(session, fps, read):
    spec = replace(session.spec, max_fps=12)
    stream, unhurried = Stream(session.backend.open_stream, spec), session.open_stream()
    count, latest = 0, None
    for i in range(24):
        frame = FRAMES[i % len(FRAMES)]
        prediction = stream.step(frame, timestamp_s=i / fps)
        assert (prediction.frame, prediction.timestamp_s) == (i, i / fps)
        if prediction.latency_ms:
            latest = unhurried.step(frame)
            count += 1
        else:
            assert not prediction.events
        np.testing.assert_array_equal(prediction.logits, latest.logits)
        assert prediction.smoothed_label == latest.smoothed_label
    assert count == pytest.approx(24 * min(1, read / fps), abs=1)
    assert stream.state().frame == 24


def test_frames_without_times_are_all_read(session):
    spec = replace(session.spec, max_fps=1)
    stream = Stream(session.backend.open_stream, spec)
    assert all(stream.step(frame).latency_ms for frame in FRAMES)
    assert stream.step(BLACK, timestamp_s=0.0).latency_ms
    assert not stream.step(BLACK, timestamp_s=0.1).latency_ms
    # A clock that went back, a stream that begins anew.
    assert stream.step(BLACK, timestamp_s=-5.0).latency_ms
    stream.reset()
    assert stream.step(BLACK, timestamp_s=-4.9).latency_ms


def test_two_memories_read_every_frame_of_a_camera_twice_as_fast(session):
    spec = replace(session.spec, max_fps=5, interleave=2)
    stream = Stream(session.backend.open_stream, spec)
    even, odd = session.open_stream(), session.open_stream()
    for i, frame in enumerate(FRAMES):
        prediction = stream.step(frame, timestamp_s=i / 12)
        assert prediction.latency_ms
        np.testing.assert_array_equal(prediction.logits, (odd if i % 2 else even).step(frame).logits)


@pytest.mark.parametrize("fps", [6, 12])
@given(cut=st.integers(2, len(FRAMES)))  # after one frame no state tells how fast the camera is
def test_saved_state_of_two_memories_goes_on_where_it_was_taken(tiny_path, tmp_path_factory, fps, cut):
    with Session.load(tiny_path, backend="onnxruntime") as session:
        spec = replace(session.spec, max_fps=5, interleave=2)
        stream, other = (Stream(session.backend.open_stream, spec) for _ in range(2))
        other.step(WHITE, timestamp_s=5)
        path = tmp_path_factory.mktemp("state") / "mid.npz"
        for i, frame in enumerate(FRAMES):
            if i == cut:
                stream.state().save(path)
                other.load_state(StreamState.load(path))
            expected = stream.step(frame, timestamp_s=i / fps)
            if i >= cut:
                found = other.step(frame, timestamp_s=i / fps)
                np.testing.assert_array_equal(found.logits, expected.logits)
                assert found.frame == expected.frame
        with pytest.raises(StateError, match=f"has {2 * len(spec.state.shapes)} shift buffers"):
            session.open_stream().load_state(stream.state())


def test_reset_and_close_reach_every_memory(session):
    closed = []

    def open_memory():
        memory = session.backend.open_stream()
        closing = memory.close
        memory.close = lambda: (closed.append(memory), closing())
        return memory

    stream = Stream(open_memory, replace(session.spec, max_fps=5, interleave=2))
    first = [stream.step(frame, timestamp_s=i / 12).logits for i, frame in enumerate(FRAMES)]
    stream.reset()
    again = [stream.step(frame, timestamp_s=i / 12).logits for i, frame in enumerate(FRAMES)]
    np.testing.assert_array_equal(first, again)
    stream.close()
    assert len(closed) == 2


def test_smoothing_can_be_switched_off(session):
    stream = session.open_stream(smoothing=False)
    for frame in (WHITE, BLACK, WHITE):
        prediction = stream.step(frame)
        assert prediction.smoothed_label == prediction.label


@pytest.mark.parametrize("end", ["reset", "close"])
def test_running_gesture_ends_with_the_stream(session, end):
    heard = []
    stream = session.open_stream(on_event=heard.append)
    for _ in range(3):
        stream.step(WHITE)
    getattr(stream, end)()
    assert [(event.kind, event.label) for event in heard] == [
        ("started", "Stop Sign"),
        ("ended", "Stop Sign"),
    ]


def test_callback_may_ask_the_stream(session):
    states = []
    stream = session.open_stream(on_event=lambda _: states.append(stream.state().frame))
    for _ in range(3):
        stream.step(WHITE)
    assert states == [2]


def test_streams_run_in_threads_of_their_own(session):
    expected = logits_of(session.open_stream(), FRAMES)
    found: dict[int, list[np.ndarray]] = {}
    start = threading.Barrier(4)

    def work(number: int) -> None:
        stream = session.open_stream()
        start.wait()
        found[number] = logits_of(stream, np.concatenate([FRAMES] * 5))[-len(FRAMES) :]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    repeated = logits_of(session.open_stream(), np.concatenate([FRAMES] * 5))[-len(FRAMES) :]
    assert len(found) == 4
    for logits in found.values():
        np.testing.assert_array_equal(logits, repeated)
    assert not np.array_equal(repeated[0], expected[0])


def test_one_stream_counts_the_frames_of_many_threads(session):
    stream = session.open_stream()
    frames: list[int] = []
    threads = [
        threading.Thread(target=lambda: frames.extend(stream.step(WHITE).frame for _ in range(25)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(frames) == list(range(100))


def test_closed_stream_says_so(session):
    stream = session.open_stream()
    stream.close()
    stream.close()
    for use in (lambda: stream.step(WHITE), stream.reset, stream.state):
        with pytest.raises(UsageError, match="closed"):
            use()
