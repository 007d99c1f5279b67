import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny_bundle import tiny_spec

from tsm_edge.runtime.postprocess import Postprocessor, softmax, top_scores
from tsm_edge.specs import SmoothingSpec

# Sums of up to forty float32 probabilities.
TOLERANCE = 1e-5

LOGITS = arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e4, 1e4, width=32))


@given(logits=LOGITS)
def test_probabilities_sum_to_one(logits):
    scores = softmax(logits)
    assert scores.dtype == np.float32
    assert (scores >= 0).all()
    np.testing.assert_allclose(scores.sum(), 1, rtol=0, atol=TOLERANCE)


@given(logits=LOGITS)
def test_best_five_come_first(logits):
    labels = tuple(map(str, range(len(logits))))
    top = top_scores(logits, labels)
    assert len(top) == min(5, len(logits))
    assert top[0][0] == str(int(logits.argmax()))
    scores = [score for _, score in top]
    assert scores == sorted(scores, reverse=True)
    assert len({label for label, _ in top}) == len(top)


def test_reset_ends_the_gesture_that_was_seen_last():
    postprocess = Postprocessor(tiny_spec(), smoothing=False)
    stop = np.eye(7, dtype=np.float32)[5]
    prediction = postprocess.step(stop, 4, 0.4)
    assert prediction.smoothed_label == "Stop Sign"
    assert [event.kind for event in prediction.events] == ["started"]
    (ended,) = postprocess.reset()
    assert (ended.kind, ended.label, ended.frame, ended.timestamp_s) == ("ended", "Stop Sign", 4, 0.4)
    assert postprocess.reset() == ()


def test_seconds_between_frames_decide_and_are_usual_where_nobody_tells():
    rules = SmoothingSpec(window=1, hysteresis=1, hysteresis_s=0.25, background=("No gesture",))
    stop = np.eye(7, dtype=np.float32)[5]

    def started_at(times_s):
        postprocess = Postprocessor(tiny_spec(smoothing=rules))
        steps = [postprocess.step(stop, i, time_s) for i, time_s in enumerate(times_s)]
        return next(step.frame for step in steps if step.events)

    assert started_at([0.0, 0.1, 0.2, 0.3]) == 3
    assert started_at([5.0, 5.3]) == 1
    # A twelfth of a second each; so does a clock that went back, which comes to 0 seconds of 9.
    assert started_at([None] * 9) == 3
    assert started_at([9.0, 0.0, 0.0833, 0.1667]) == 3
