from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsm_edge.export.data.gestures import GESTURE_LABELS, MADE_LABELS, WORLDS, GestureGenerator
from tsm_edge.export.data.gestures.looseness import loosened
from tsm_edge.export.data.gestures.motion import BENDS, TURN, Motion
from tsm_edge.export.data.gestures.random_numbers import ClipRandom

COUNT = 96
BOOK = replace(WORLDS["train"], loose=0.0)


def written(count: int = COUNT) -> Motion:
    """Movements as the scripts say, all gestures in turn."""
    generator = GestureGenerator(BOOK, seed=3, num_frames=36, size=48, fps=(12, 12))
    labels = torch.arange(count) % len(MADE_LABELS)
    return generator._plan(torch.arange(count), labels).motion


def numbers(count: int = COUNT, first: int = 0) -> ClipRandom:
    return ClipRandom(7, torch.arange(first, first + count))


@pytest.fixture(scope="module")
def motion() -> Motion:
    return written()


@settings(max_examples=20, deadline=None)
@given(loose=st.floats(0, 2), seed=st.integers(0, 10**6))
def test_what_comes_out_is_a_motion(motion, loose, seed):
    own = loosened(ClipRandom(seed, torch.arange(COUNT)), motion, loose)
    assert (own.times.diff(dim=1) >= 0).all() and (own.stroke.diff(dim=1) >= 0).all()
    assert (own.told[:, 0] <= own.stroke[:, 0] + 1e-5).all() and (
        own.told[:, 1] >= own.stroke[:, 1] - 1e-5
    ).all()
    torch.testing.assert_close(own.keys[..., TURN].norm(dim=-1), torch.ones(own.times.shape))
    assert torch.isfinite(own.keys).all()
    # No finger is straighter than it was, none bends beyond a fist that was not beyond it.
    bends, were = own.keys[..., BENDS], motion.keys[..., BENDS]
    assert (bends >= were - 1e-6).all() and (bends <= were.clamp(min=1) + 1e-6).all()
    # Hands that rest below the picture stay there.
    resting = motion.keys[..., 1] > 1.2
    assert resting.any() and (own.keys[..., 1][resting] > 1.05).all()


def test_no_looseness_changes_nothing(motion):
    own = loosened(numbers(), motion, 0.0)
    for field in fields(Motion):
        torch.testing.assert_close(getattr(own, field.name), getattr(motion, field.name))


def test_manners_differ_by_clip_and_follow_from_its_number(motion):
    own = loosened(numbers(), motion, 1.0)
    moved = (own.keys - motion.keys).abs().amax((1, 2))
    assert (moved > 0.02).float().mean() > 0.9 and moved.max() > 3 * moved.median()
    rows = slice(40, 60)
    part = Motion(*(getattr(motion, field.name)[rows] for field in fields(Motion)))
    torch.testing.assert_close(loosened(numbers(20, 40), part, 1.0).keys, own.keys[rows])


def test_what_a_gesture_crosses_keeps_its_direction(motion):
    own = loosened(numbers(), motion, 1.2)
    swipes = torch.tensor(
        [MADE_LABELS[i % len(MADE_LABELS)].startswith(("Swiping", "Sliding")) for i in range(COUNT)]
    )

    def crossed(of: Motion) -> torch.Tensor:
        ends = of.at(of.stroke).place[swipes]
        return ends[:, 1] - ends[:, 0]

    before, after = crossed(motion), crossed(own)
    assert (torch.nn.functional.cosine_similarity(before, after) > 0.8).all()
    size = after.norm(dim=1) / before.norm(dim=1)
    assert 0.35 < size.min() < 0.9 and 1.1 < size.max() < 2.5


def test_a_world_that_is_loose_shows_the_same_people_in_other_manners():
    book = GestureGenerator(BOOK, seed=5, num_frames=4, size=48)
    loose = GestureGenerator(replace(BOOK, loose=1.0), seed=5, num_frames=4, size=48)
    stops = torch.full((8,), GESTURE_LABELS.index("Stop Sign"))
    (_, book_says), (_, loose_says) = book.describe(0, 8, stops), loose.describe(0, 8, stops)
    assert torch.equal(book_says.side, loose_says.side)
    assert not torch.allclose(book_says.palm, loose_says.palm, atol=0.05)
    first, second = book.clips(0, 8, stops).clips.int(), loose.clips(0, 8, stops).clips.int()
    same = ((first - second).abs() <= 3).all(2).float().mean((1, 2, 3))
    assert same.mean() > 0.5  # rooms, people and cameras are as they were


def test_strokes_are_swift_or_slow_in_their_own_way(motion):
    own = loosened(numbers(), motion, 1.0)
    tempo = own.times[:, -1] / motion.times[:, -1]
    assert tempo.min() < 0.85 and tempo.max() > 1.15
    torch.testing.assert_close(own.stroke, motion.stroke * tempo[:, None])
    torch.testing.assert_close(own.told, motion.told * tempo[:, None])
