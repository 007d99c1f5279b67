import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundle import tiny_spec

from tsm_edge.errors import BundleError
from tsm_edge.runtime.smoothing import Smoother
from tsm_edge.specs import SmoothingSpec

SPEC = tiny_spec()
RULES = SPEC.smoothing
NO_GESTURE, OTHER, UP, DOWN, ROLLING = SPEC.labels[:5]
WINNERS = st.lists(st.integers(0, SPEC.num_classes - 1), max_size=40)


def logits_of(label: str, strength: float = 1.0) -> np.ndarray:
    logits = np.zeros(SPEC.num_classes, np.float32)
    logits[SPEC.labels.index(label)] = strength
    return logits


def shown(labels: list[str], **rules: object) -> list[str | None]:
    """What is shown after each frame of single winners; each frame outweighs the ones before."""
    spec = dataclasses.replace(SPEC, smoothing=dataclasses.replace(SPEC.smoothing, **rules))
    smoother = Smoother(spec)
    state = smoother.initial_state()
    result = []
    for i, label in enumerate(labels):
        state = smoother.advance(state, logits_of(label, 10.0**i))
        result.append(smoother.label(state))
    return result


def test_background_is_shown_at_first():
    smoother = Smoother(SPEC)
    assert smoother.label(smoother.initial_state()) == NO_GESTURE
    assert smoother.gesture(smoother.initial_state()) is None


def test_background_that_is_merged_is_shown_as_the_other():
    smoother = Smoother(
        dataclasses.replace(SPEC, smoothing=dataclasses.replace(RULES, background=(OTHER, NO_GESTURE)))
    )
    assert smoother.label(smoother.initial_state()) == NO_GESTURE


def test_first_winner_is_shown_at_once_without_background():
    assert shown([UP, DOWN], background=(), ignore=()) == [UP, UP]


def test_label_must_win_twice_in_a_row():
    assert shown([UP, DOWN, UP, UP, DOWN, DOWN]) == [NO_GESTURE, NO_GESTURE, NO_GESTURE, UP, UP, DOWN]


def test_merged_label_is_shown_as_the_other():
    assert shown([UP, UP, OTHER, OTHER]) == [NO_GESTURE, UP, UP, NO_GESTURE]


def test_ignored_label_leaves_the_one_before():
    assert shown([UP, UP, ROLLING, ROLLING, ROLLING]) == [NO_GESTURE, UP, UP, UP, UP]


def test_mean_of_the_window_decides():
    smoother = Smoother(dataclasses.replace(SPEC, smoothing=SmoothingSpec(window=3, hysteresis=1)))
    state = smoother.initial_state()
    for label, strength, expected in ((UP, 4, UP), (DOWN, 3, UP), (DOWN, 3, DOWN), (NO_GESTURE, 1, DOWN)):
        state = smoother.advance(state, logits_of(label, strength))
        assert smoother.label(state) == expected
    assert state.history.shape == (3, SPEC.num_classes)


@given(winners=WINNERS)
def test_switched_off_it_shows_every_frames_winner(winners):
    smoother = Smoother(SPEC, enabled=False)
    state = smoother.initial_state()
    for winner in winners:
        state = smoother.advance(state, logits_of(SPEC.labels[winner]))
        assert smoother.label(state) == SPEC.labels[winner]


@given(winners=WINNERS, window=st.integers(1, 5), hysteresis=st.integers(1, 4))
def test_agrees_with_the_rules_in_plain_words(winners, window, hysteresis):
    rules = dataclasses.replace(SPEC.smoothing, window=window, hysteresis=hysteresis)
    smoother = Smoother(dataclasses.replace(SPEC, smoothing=rules))
    state = smoother.initial_state()
    label, recent = NO_GESTURE, []
    for i, _ in enumerate(winners):
        state = smoother.advance(state, logits_of(SPEC.labels[winners[i]]))
        last = [SPEC.labels[winner] for winner in winners[max(0, i + 1 - window) : i + 1]]
        most = max(SPEC.labels, key=lambda name: (last.count(name), -SPEC.labels.index(name)))
        recent.append(label if most in rules.ignore else dict(rules.merge).get(most, most))
        if len(recent) >= hysteresis and len(set(recent[-hysteresis:])) == 1:
            label = recent[-1]
        assert smoother.label(state) == label


@given(winners=WINNERS)
def test_state_is_not_changed_in_place(winners):
    smoother = Smoother(SPEC)
    state = smoother.initial_state()
    for winner in winners:
        before = state.history.copy()
        following = smoother.advance(state, logits_of(SPEC.labels[winner]))
        np.testing.assert_array_equal(state.history, before)
        state = following


def events_at(frames: list[tuple[float, str]], **rules: object) -> list[tuple[float, str]]:
    """When the label shown changes, of (seconds since the frame before, single winner of the frame)."""
    spec = dataclasses.replace(SPEC, smoothing=dataclasses.replace(SPEC.smoothing, **rules))
    smoother = Smoother(spec)
    state, now, changes = smoother.initial_state(), 0.0, []
    for elapsed_s, label in frames:
        now += elapsed_s
        before = smoother.label(state)
        state = smoother.advance(state, logits_of(label, 10.0), elapsed_s)
        if smoother.label(state) != before:
            changes.append((round(now, 3), smoother.label(state)))
    return changes


def at_rate(fps: float, *spans: tuple[float, str]) -> list[tuple[float, str]]:
    """Frames of labels that last so many seconds each."""
    return [(1 / fps, label) for seconds, label in spans for _ in range(round(seconds * fps))]


@pytest.mark.parametrize("fps", [6, 12, 24, 60])
def test_rules_in_seconds_hold_at_every_frame_rate(fps):
    rules = {"window": 64, "window_s": 0.5, "hysteresis": 1, "hysteresis_s": 0.25, "pause_s": 1.0}
    frames = at_rate(fps, (2, NO_GESTURE), (2, UP), (4, NO_GESTURE), (2, DOWN))
    changes = events_at(frames, **rules)
    assert [label for _, label in changes] == [UP, NO_GESTURE, DOWN, NO_GESTURE][: len(changes)]
    # Half the window must have passed, then the hysteresis; each can be late by a frame.
    for (time_s, _), changed_s in zip(changes, (2, 4, 8), strict=False):
        assert changed_s + 0.5 - 1e-6 <= time_s <= changed_s + 0.5 + 2 / fps


def test_frames_that_were_lost_do_not_stretch_the_window():
    smoother = Smoother(dataclasses.replace(SPEC, smoothing=SmoothingSpec(window=9, window_s=0.5)))
    state = smoother.initial_state()
    for elapsed_s, kept in ((0.1, 1), (0.1, 2), (0.1, 3), (0.4, 2), (0.1, 2), (0.1, 3), (9.0, 1)):
        state = smoother.advance(state, logits_of(UP), elapsed_s)
        assert len(state.history) == len(state.ages_s) == kept
    assert state.ages_s[-1] == 0


def test_gesture_needs_its_share_to_start_and_not_to_go_on():
    rules = dataclasses.replace(RULES, window=1, hysteresis=1, threshold=0.5)
    smoother = Smoother(dataclasses.replace(SPEC, smoothing=rules))
    state = smoother.initial_state()
    # Six other classes of logit 0: a share of e^strength / (e^strength + 6).
    for strength, expected in ((1.0, NO_GESTURE), (2.0, UP), (1.0, UP)):
        state = smoother.advance(state, logits_of(UP, strength))
        assert smoother.label(state) == expected
    state = smoother.advance(state, logits_of(DOWN, 1.0))
    assert smoother.label(state) == NO_GESTURE


def test_hand_that_is_drawn_back_is_no_gesture():
    frames = at_rate(10, (1, UP), (0.5, DOWN), (3, NO_GESTURE), (1, DOWN))
    now = {"window": 1, "hysteresis": 2}
    assert [label for _, label in events_at(frames, **now)] == [UP, DOWN, NO_GESTURE, DOWN]
    assert [label for _, label in events_at(frames, **now, pause_s=0.8)] == [UP, NO_GESTURE, DOWN]


def test_gesture_that_outlasts_the_pause_starts():
    frames = at_rate(10, (1, UP), (2, DOWN))
    changes = events_at(frames, window=1, hysteresis=2, pause_s=0.5)
    assert changes == [(0.2, UP), (1.2, NO_GESTURE), (1.7, DOWN)]


def test_without_background_neither_threshold_nor_pause_applies():
    rules = {"background": (), "ignore": (), "merge": (), "window": 1, "hysteresis": 1, "threshold": 0.999}
    frames = at_rate(10, (0.5, UP), (0.5, DOWN))
    assert [label for _, label in events_at(frames, **rules, pause_s=9.0)] == [UP, DOWN]


def test_unknown_label_in_the_rules_is_named():
    rules = SmoothingSpec(ignore=("Waving",))
    with pytest.raises(BundleError, match="Waving"):
        Smoother(dataclasses.replace(SPEC, smoothing=rules))
