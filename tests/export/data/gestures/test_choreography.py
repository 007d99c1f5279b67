"""Conventions of the gestures, measured in the dense labels; see docs/gesture-generator.md."""

import pytest
import torch

from tsm_edge.export.data.gestures import GESTURE_LABELS, MADE_LABELS, GestureGenerator

COUNT = 160
SIGNS = ("Stop Sign", "Thumb Up", "Thumb Down")


def describer(clips: GestureGenerator):
    """Dense labels by gesture, and where the stroke's first, middle and last frames are."""
    found = {}

    def describe(label: str):
        if label not in found:
            labels = torch.full((COUNT,), MADE_LABELS.index(label))
            _, dense = clips.describe(1000, COUNT, labels)
            stroke = dense.phase == 2
            kept = stroke.sum(1) >= 2  # at 12 frames a second a few strokes have one frame
            order = torch.arange(stroke.shape[1])
            first = torch.where(stroke, order, 99).amin(1)[kept]
            last = torch.where(stroke, order, -1).amax(1)[kept]
            rows = torch.arange(COUNT)[kept]
            found[label] = dense, rows, first, last
        return found[label]

    return describe


@pytest.fixture(scope="module", params=["book", "train"])
def described(request, book_clips: GestureGenerator, long_clips: GestureGenerator):
    """As the scripts say, and in people's own manners."""
    return describer({"book": book_clips, "train": long_clips}[request.param])


@pytest.fixture(scope="module")
def by_the_book(book_clips: GestureGenerator):
    return describer(book_clips)


def change(described, label: str, name: str) -> torch.Tensor:
    """From the stroke's first to its last frame."""
    dense, rows, first, last = described(label)
    values = getattr(dense, name)
    return values[rows, last] - values[rows, first]


@pytest.mark.parametrize(
    ("label", "axis", "sign"),
    [("Swiping Left", 0, 1), ("Swiping Right", 0, -1), ("Swiping Up", 1, -1), ("Swiping Down", 1, 1)],
)
def test_swipes_cross_the_unmirrored_picture(described, label, axis, sign):
    moved = change(described, label, "centre")[:, axis] * sign
    assert len(moved) > 0.8 * COUNT
    assert (moved > 0).float().mean() > 0.97
    assert moved.median() > 0.12


@pytest.mark.parametrize(
    ("label", "axis", "sign"), [("Left", 0, 1), ("Right", 0, -1), ("Up", 1, -1), ("Down", 1, 1)]
)
def test_two_fingers_slide_as_hands_swipe(described, label, axis, sign):
    assert (
        change(described, f"Sliding Two Fingers {label}", "centre")[:, axis] * sign > 0
    ).float().mean() > 0.97
    dense, rows, _, last = described(f"Sliding Two Fingers {label}")
    assert (dense.flexion[rows, last] > 0.35).all()  # two of four fingers are closed


def test_drumming_bends_fingers_in_place(described):
    dense, rows, first, last = described("Drumming Fingers")
    assert change(described, "Drumming Fingers", "centre").norm(dim=1).median() < 0.03
    spread = torch.stack(
        [dense.flexion[row, a : b + 1].std() for row, a, b in zip(rows, first, last, strict=True)]
    )
    assert spread.median() > 0.03


def test_both_hands_swipe_to_the_same_side(described):
    dense, rows, _, _ = described("Swiping Left")
    moved = change(described, "Swiping Left", "centre")[:, 0]
    for side in (-1, 1):
        assert (moved[dense.side[rows] == side] > 0).float().mean() > 0.95


def test_swiping_up_flips_upright(by_the_book):
    assert (change(by_the_book, "Swiping Up", "fingers")[:, 1] > 0.2).float().mean() > 0.95
    assert (change(by_the_book, "Swiping Down", "fingers")[:, 1] < -0.2).float().mean() > 0.95


def test_zooming_in_opens_the_hand(described):
    assert (change(described, "Zooming In With Full Hand", "flexion") < 0).float().mean() > 0.95
    assert (change(described, "Zooming Out With Full Hand", "flexion") > 0).float().mean() > 0.95


def test_pushing_comes_to_the_camera(described):
    assert (change(described, "Pushing Hand Away", "length") > 0).all()
    assert (change(described, "Pulling Hand In", "length") < 0).all()


def test_stop_sign_shows_an_upright_palm(by_the_book):
    dense, rows, _, last = by_the_book("Stop Sign")
    assert (dense.palm[rows, last, 2] > 0.7).float().mean() > 0.95
    assert (dense.fingers[rows, last, 1] > 0.7).float().mean() > 0.95
    assert (dense.flexion[rows, last] < 0.25).all()


@pytest.mark.parametrize(("label", "sign"), [("Thumb Up", 1), ("Thumb Down", -1)])
def test_thumbs_are_upright(described, label, sign):
    dense, rows, _, last = described(label)
    # The hand's third axis points along a stretched thumb; a left hand's axes are mirrored.
    thumb = torch.linalg.cross(dense.fingers, dense.palm) * dense.side[:, None, None]
    assert (thumb[rows, last, 1] * sign > 0.6).float().mean() > 0.95
    assert (dense.flexion[rows, last] > 0.8).all()


@pytest.mark.parametrize(
    ("label", "sign"), [("Turning Hand Clockwise", -1), ("Turning Hand Counterclockwise", 1)]
)
def test_an_upright_forearm_turns_as_seen_from_above(described, label, sign):
    dense, rows, first, last = described(label)
    heading = torch.atan2(dense.palm[..., 0], dense.palm[..., 2])
    steps = torch.remainder(heading.diff(dim=1) + torch.pi, 2 * torch.pi) - torch.pi
    total = torch.stack([steps[row, a:b].sum() for row, a, b in zip(rows, first, last, strict=True)])
    upright = dense.fingers[rows, first, 1] > 0.7
    assert upright.float().mean() > 0.5
    assert (total[upright] * sign > 0).float().mean() > 0.95


def test_shaking_goes_to_and_fro(described):
    dense, _, _, _ = described("Shaking Hand")
    ways = torch.sign(dense.fingers[..., 0].diff(dim=1))
    inside = (dense.phase[:, 1:-1] == 2) & (dense.phase[:, 2:] == 2)
    turns = ((ways[:, 1:] * ways[:, :-1] < 0) & inside).sum(1)
    assert (turns >= 2).float().mean() > 0.85


@pytest.mark.parametrize("label", MADE_LABELS[2:])
def test_hands_are_in_the_picture_in_the_middle_of_their_stroke(described, label):
    dense, rows, first, last = described(label)
    middle = (first + last) // 2
    assert dense.presence[rows, middle].mean() > 0.96


@pytest.mark.parametrize("label", MADE_LABELS[2:])
def test_strokes_lie_inside_the_clip(described, label):
    dense, _, _, _ = described(label)
    assert (dense.phase == 2).any(1).float().mean() > 0.95
    assert (dense.phase[:, 0] == 1).float().mean() > 0.9


def test_some_clips_begin_or_end_with_the_hand_up(long_clips):
    _, dense = long_clips.describe(0, 300)
    gestures = dense.phase.amax(1) > 0
    for frame in (0, -1):
        assert 0.1 < dense.presence[gestures, frame].mean() < 0.7


def test_labels_are_spread_evenly(long_clips):
    labels, _ = long_clips.describe(0, 3200)
    counts = torch.bincount(labels, minlength=len(GESTURE_LABELS))
    assert counts.min() > 140 and counts.max() < 265  # 200 with a deviation of 14


def test_velocity_is_the_centres_change(long_clips):
    _, dense = long_clips.describe(0, 64)
    between = dense.centre.diff(dim=1) / dense.times.diff(dim=1)[..., None]
    mean = (dense.velocity[:, 1:] + dense.velocity[:, :-1]) / 2
    shown = (dense.phase > 0)[:, 1:]
    correlation = torch.corrcoef(torch.stack((between[shown].flatten(), mean[shown].flatten())))[0, 1]
    assert correlation > 0.9  # a stroke of some frames is not straight within one


@pytest.mark.parametrize("label", SIGNS)
def test_a_sign_can_be_told_as_long_as_it_is_up(by_the_book, label):
    dense, rows, first, last = by_the_book(label)
    assert (dense.times[rows, last] - dense.times[rows, first]).median() > 0.7
    within = change(by_the_book, label, "centre").norm(dim=1)
    before = (dense.centre[rows, first] - dense.centre[rows, (first - 2).clamp(min=0)]).norm(dim=1)
    assert within.median() < 0.06 < before.median()  # it came up just before


def test_other_gestures_can_be_told_by_their_strokes(book_clips):
    labels = torch.arange(COUNT) % len(MADE_LABELS)
    motion = book_clips._plan(torch.arange(COUNT), labels).motion
    signs = torch.isin(labels, torch.tensor([MADE_LABELS.index(label) for label in SIGNS]))
    assert torch.equal(motion.told[~signs], motion.stroke[~signs])
    up, stroke = motion.told[signs], motion.stroke[signs]
    assert (up[:, 0] < stroke[:, 0]).all() and (up[:, 1] > stroke[:, 1]).all()
