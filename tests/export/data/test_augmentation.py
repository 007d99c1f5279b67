import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tsm_edge.export.data.augmentation import (
    SCALES,
    centre_crop,
    jitter_colours,
    mirror,
    mirrored_labels,
    multi_scale_crop,
    squeezed,
)
from tsm_edge.labels import JESTER_LABELS
from tsm_edge.runtime.preprocess import Preprocessor
from tsm_edge.specs import PreprocessSpec


@pytest.fixture
def frames():
    """Every pixel says where it is: red its column, green its row."""
    y, x = np.mgrid[:120, :160].astype(np.uint8)
    return np.stack([np.stack([x, y, np.full_like(x, t)], axis=2) for t in range(3)])


def test_crops_take_all_scales_and_treat_frames_alike(frames):
    rng = np.random.default_rng(0)
    widths = set()
    for _ in range(300):
        crop = multi_scale_crop(frames, 64, rng)
        assert crop.shape == (3, 64, 64, 3)
        assert (crop[0, ..., :2] == crop[2, ..., :2]).all()
        assert (crop[2, ..., 2] == 2).all()
        shown = np.ptp(crop[0, ..., 0].astype(int)) + 1
        widths.add(min(SCALES, key=lambda scale: abs(120 * scale - shown)))
        assert abs(120 * min(SCALES, key=lambda scale: abs(120 * scale - shown)) - shown) <= 3
    assert widths == set(SCALES)


def test_crops_reach_every_edge_and_the_middle(frames):
    rng = np.random.default_rng(0)
    crops = np.stack([multi_scale_crop(frames, 32, rng)[0] for _ in range(300)]).astype(int)
    assert crops[..., 0].min() <= 2
    assert crops[..., 0].max() >= 157
    assert crops[..., 1].min() <= 2
    assert crops[..., 1].max() >= 117


@given(st.integers(34, 300), st.integers(34, 300), st.sampled_from([1.0, 4 / 3, 1.78]), st.integers(0, 99))
def test_centre_crop_is_what_the_runtime_sees(height, width, max_squeeze, seed):
    spec = PreprocessSpec(resize_short_side=36, crop_size=32, max_squeeze=max_squeeze)
    frame = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    expected = Preprocessor(spec).crop(frame)
    # Cut out before it is resized, bilinear arithmetic in fixed point may round once the other way.
    found = centre_crop(frame[None], spec)[0]
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_training_crops_come_from_as_wide_a_part_as_the_runtime_sees():
    ramp = np.broadcast_to(np.arange(0, 160, dtype=np.uint8)[:, None], (2, 90, 160, 3))
    seen = squeezed(ramp, PreprocessSpec(max_squeeze=1.78))
    assert seen.shape == (2, 90, 90, 3)
    assert (seen[0, 0, 0, 0], seen[0, 0, -1, 0]) == (0, 159)
    half = squeezed(ramp, PreprocessSpec(max_squeeze=4 / 3))
    assert half.shape == (2, 90, 120, 3)
    for same in (
        squeezed(ramp, PreprocessSpec()),
        squeezed(ramp.swapaxes(1, 2), PreprocessSpec(max_squeeze=4)),
    ):
        assert same.shape[1] * same.shape[2] == 90 * 160


def test_jitter_changes_all_frames_alike_and_strength_zero_nothing(frames):
    changed = jitter_colours(frames, np.random.default_rng(1), 0.4)
    assert (changed != frames).mean() > 0.5
    assert (jitter_colours(frames, np.random.default_rng(1), 0.0) == frames).all()
    still = np.repeat(frames[:1], 3, axis=0)
    jittered = jitter_colours(still, np.random.default_rng(2))
    assert (jittered == jittered[:1]).all()


def test_mirroring_swaps_jesters_directions_and_nothing_else():
    swapped = mirrored_labels(JESTER_LABELS)
    moved = {JESTER_LABELS[i]: JESTER_LABELS[j] for i, j in enumerate(swapped) if j not in (None, i)}
    assert moved == {
        "Sliding Two Fingers Left": "Sliding Two Fingers Right",
        "Sliding Two Fingers Right": "Sliding Two Fingers Left",
        "Swiping Left": "Swiping Right",
        "Swiping Right": "Swiping Left",
        "Turning Hand Clockwise": "Turning Hand Counterclockwise",
        "Turning Hand Counterclockwise": "Turning Hand Clockwise",
    }
    assert None not in swapped


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("left", "stop"), (None, 1)),
        (("wave_left", "wave_right"), (1, 0)),
        (("turn counter-clockwise", "turn clockwise"), (1, 0)),
        (("from left to right", "from right to left"), (1, 0)),
        (("bright", "cleft"), (0, 1)),
    ],
)
def test_directions_without_a_counterpart_are_not_mirrored(labels, expected):
    assert mirrored_labels(labels) == expected


@given(arrays(np.uint8, (2, 3, 4, 3)))
def test_mirroring_twice_is_nothing(frames):
    assert (mirror(mirror(frames)) == frames).all()
    assert (mirror(frames)[:, :, 0] == frames[:, :, -1]).all()
