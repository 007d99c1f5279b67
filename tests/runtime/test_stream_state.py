import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny_bundle import tiny_spec

from tsm_edge.errors import OutputError, StateError
from tsm_edge.runtime.smoothing import SmoothingState
from tsm_edge.runtime.stream_state import StreamState, check_state

SPEC = tiny_spec()
SHAPE = SPEC.state.shapes[0]
FLOATS = st.floats(-1e6, 1e6, width=32)


def state_with(**fields: object) -> StreamState:
    smoothing = SmoothingState(
        history=np.zeros((2, SPEC.num_classes), np.float32), ages_s=np.array([0.1, 0], np.float32), shown=0,
        candidate=2, wins=1, candidate_s=0.1, quiet_s=np.inf,
    )  # fmt: skip
    buffers = tuple(np.ones(shape, np.float32) for shape in SPEC.state.shapes)
    return dataclasses.replace(StreamState(shift_buffers=buffers, smoothing=smoothing, frame=7), **fields)


def smoothing_with(**fields: object) -> StreamState:
    return state_with(smoothing=dataclasses.replace(state_with().smoothing, **fields))


@settings(max_examples=15)
@given(
    buffers=st.lists(arrays(np.float32, SHAPE, elements=FLOATS), min_size=12, max_size=12),
    history=arrays(np.float32, st.tuples(st.integers(0, 12), st.just(SPEC.num_classes)), elements=FLOATS),
    shown=st.integers(-1, 6),
    frame=st.integers(0, 2**40),
)
def test_file_gives_back_what_was_saved(tmp_path_factory, buffers, history, shown, frame):
    path = tmp_path_factory.mktemp("state") / "stream.npz"
    ages_s = np.arange(len(history), dtype=np.float32)[::-1]
    smoothing = SmoothingState(
        history=history, ages_s=ages_s, shown=shown, candidate=3, wins=2, candidate_s=0.3, quiet_s=np.inf
    )
    StreamState(shift_buffers=tuple(buffers), smoothing=smoothing, frame=frame).save(path)
    loaded = StreamState.load(path)
    for found, saved in zip(loaded.shift_buffers, buffers, strict=True):
        np.testing.assert_array_equal(found, saved)
    np.testing.assert_array_equal(loaded.smoothing.history, history)
    np.testing.assert_array_equal(loaded.smoothing.ages_s, ages_s)
    assert (loaded.smoothing.candidate_s, loaded.smoothing.quiet_s) == (0.3, np.inf)
    assert (loaded.smoothing.shown, loaded.smoothing.candidate, loaded.smoothing.wins) == (shown, 3, 2)
    assert loaded.frame == frame


def test_other_files_are_refused_in_one_line(tmp_path):
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("state")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "pickle.npz", frame=np.array([{}], dtype=object))
    state_with().save(tmp_path / "whole.npz")
    data = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(data[: len(data) // 2])
    for name in ("missing.npz", "empty.npz", "text.npz", "other.npz", "array.npy", "pickle.npz", "half.npz"):
        with pytest.raises(StateError, match=name) as refused:
            StreamState.load(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_failed_save_leaves_the_old_file(tmp_path):
    folder = tmp_path / "file"
    folder.write_text("in the way")
    with pytest.raises(OutputError):
        state_with().save(folder / "stream.npz")


def test_good_state_passes():
    check_state(state_with(), SPEC)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (state_with(shift_buffers=()), "0 shift buffers"),
        (state_with(shift_buffers=(np.zeros(SHAPE, np.float32),) * 3), "3 shift buffers"),
        (state_with(shift_buffers=(np.zeros((1, 2, 4, 4), np.float32),) * 2), "shift_buffer_0"),
        (state_with(shift_buffers=(np.zeros(SHAPE, np.float64),) * 2), "float64"),
        (state_with(shift_buffers=(np.full(SHAPE, np.nan, np.float32),) * 2), "NaN"),
        (state_with(shift_buffers=(np.full(SHAPE, np.inf, np.float32),) * 2), "infinity"),
        (state_with(shift_buffers=([0.0], [0.0])), "list"),
        (state_with(frame=-1), "-1 frames"),
        (smoothing_with(history=np.zeros((2, 3), np.float32)), "history"),
        (smoothing_with(history=np.zeros(7, np.float32)), "history"),
        (smoothing_with(history=np.full((1, 7), np.nan, np.float32)), "NaN"),
        (smoothing_with(ages_s=np.zeros(3, np.float32)), "ages_s"),
        (smoothing_with(ages_s=np.full(2, -1, np.float32)), "seconds below zero"),
        (smoothing_with(quiet_s=float("nan")), "seconds below zero"),
        (smoothing_with(shown=7), "shown"),
        (smoothing_with(candidate=-2), "candidate"),
        ((np.zeros(SHAPE, np.float32),) * 2, "tuple"),
    ],
)
def test_state_of_something_else_is_refused_in_one_line(state, words):
    with pytest.raises(StateError, match=words) as refused:
        check_state(state, SPEC)
    assert "\n" not in str(refused.value)
