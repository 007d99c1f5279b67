import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.export.data.sampling import DENSE_SPAN, test_indices, train_indices

SEGMENTS = st.integers(1, 32)
FRAMES = st.integers(2, 400)


@given(FRAMES, SEGMENTS, st.sampled_from(["uniform", "dense"]), st.integers(0, 9))
def test_indices_lie_in_the_clip(num_frames, num_segments, sampling, seed):
    chosen = train_indices(num_frames, num_segments, np.random.default_rng(seed), sampling)
    assert chosen.shape == (num_segments,)
    assert chosen.min() >= 0
    assert chosen.max() < num_frames
    tests = test_indices(num_frames, num_segments, 2, sampling)
    assert tests.shape == (2, num_segments)
    assert tests.min() >= 0
    assert tests.max() < num_frames


@given(FRAMES, SEGMENTS, st.integers(0, 9))
def test_uniform_training_takes_one_frame_of_each_part_in_order(num_frames, num_segments, seed):
    chosen = train_indices(num_frames, num_segments, np.random.default_rng(seed))
    assert (np.diff(chosen) >= 0).all()
    length = num_frames // num_segments
    if length:
        assert (chosen // length == np.arange(num_segments)).all()


def test_every_frame_of_a_part_is_drawn():
    rng = np.random.default_rng(0)
    drawn = np.stack([train_indices(32, 8, rng) for _ in range(200)])
    assert all(set(drawn[:, i]) == set(range(4 * i, 4 * i + 4)) for i in range(8))


def test_uniform_tests_take_the_middles_then_the_beginnings():
    # As the published evaluation does for 40 frames and 8 segments, with and without "twice sample".
    assert test_indices(40, 8).tolist() == [[2, 7, 12, 17, 22, 27, 32, 37]]
    assert test_indices(40, 8, 2)[1].tolist() == [0, 5, 10, 15, 20, 25, 30, 35]
    assert test_indices(37, 8).tolist() == [[2, 6, 11, 16, 20, 25, 30, 34]]


def test_short_clips_are_stretched():
    assert test_indices(4, 8).tolist() == [[0, 0, 1, 1, 2, 2, 3, 3]]
    assert train_indices(4, 8, np.random.default_rng(0)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_dense_clips_span_64_frames_and_begin_everywhere():
    tests = test_indices(300, 8, 10, "dense")
    assert (np.diff(tests, axis=1) == DENSE_SPAN // 8).all()
    assert tests[0, 0] == 0
    assert tests[-1, -1] == 300 - DENSE_SPAN + 7 * 8
    rng = np.random.default_rng(0)
    starts = {int(train_indices(100, 8, rng, "dense")[0]) for _ in range(500)}
    assert starts == set(range(37))


def test_more_than_two_uniform_clips_are_refused():
    with pytest.raises(ValueError, match="1 or 2"):
        test_indices(40, 8, 3)
