from itertools import islice

import numpy as np
import pytest

from tsm_edge.errors import VerificationError
from tsm_edge.runtime.bench.agreement import TOLERANCE, check_agreement, largest_difference, replay
from tsm_edge.runtime.bench.frames import noise_frames


class Altered:
    """A real stream whose logits are changed on the way out."""

    def __init__(self, stream, change):
        self.stream, self.change = stream, change

    def step(self, frame):
        return self.change(self.stream.step(frame))

    def reset(self):
        self.stream.reset()


class Forgetful(Altered):
    """A real stream that drops its shift buffers: right on the first frame, wrong after it."""

    def __init__(self, stream):
        self.stream = stream

    def step(self, frame):
        logits = self.stream.step(frame)
        self.stream.reset()
        return logits


@pytest.fixture
def frames(tiny):
    return list(islice(noise_frames(tiny.manifest.model), 6))


@pytest.fixture
def expected(stream, frames):
    return replay(stream, frames)


def test_replay_starts_from_zero_and_leaves_zero(stream, frames, expected):
    stream.step(frames[3])
    np.testing.assert_array_equal(replay(stream, frames), expected)
    assert all(np.all(buffer == 0) for buffer in stream.state())
    assert expected.shape == (6, 7)


def test_golden_stream_is_met(tiny, stream):
    from tsm_edge.runtime.preprocess import normalise

    golden = [normalise(frame, tiny.manifest.model.preprocess) for frame in tiny.golden_frames]
    assert check_agreement({"onnxruntime": stream}, golden, tiny.golden_logits)["onnxruntime"] <= TOLERANCE


def test_small_rounding_is_accepted_and_told(stream, frames, expected):
    nudge = 0.5 * TOLERANCE * np.abs(expected).max()
    nudged = Altered(stream, lambda logits: logits + np.float32(nudge))
    assert 0.2 * TOLERANCE < check_agreement({"nudged": nudged}, frames, expected)["nudged"] <= TOLERANCE


@pytest.mark.parametrize(
    "change",
    [lambda logits: logits * np.float32(1.001), lambda logits: logits * np.float32(np.nan), np.flip],
    ids=["scaled", "nan", "reordered"],
)
def test_wrong_logits_stop_the_benchmark(stream, frames, expected, change):
    with pytest.raises(VerificationError, match=r"backend wrong differs .* nothing was timed"):
        check_agreement({"right": stream, "wrong": Altered(stream, change)}, frames, expected)


def test_engine_that_forgets_its_state_is_found(stream, frames, expected):
    with pytest.raises(VerificationError):
        check_agreement({"forgetful": Forgetful(stream)}, frames, expected)


def test_difference_is_relative_to_the_largest_logit():
    expected = np.array([[2.0, -10.0]], np.float32)
    assert largest_difference(expected + np.float32(0.5), expected) == pytest.approx(0.05)
    assert largest_difference(expected[:, :1], expected) == float("inf")
    assert np.isnan(largest_difference(np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32)))
