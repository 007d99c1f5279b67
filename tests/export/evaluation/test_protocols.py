from dataclasses import replace

import numpy as np
import pytest

from tsm_edge.errors import UsageError
from tsm_edge.export.evaluation.protocols import PROTOCOLS, clip_protocol, full_resolution_crops
from tsm_edge.runtime.preprocess import Preprocessor
from tsm_edge.specs import PreprocessSpec

SPEC = PreprocessSpec(resize_short_side=36, crop_size=32)


@pytest.fixture
def frames():
    y, x = np.mgrid[:72, :120].astype(np.uint8)
    return np.stack([np.stack([x, y, np.full_like(x, t)], axis=2) for t in range(4)])


@pytest.mark.parametrize("max_squeeze", [1.0, 1.3, 1.78])
def test_the_middle_is_what_the_runtime_sees(frames, max_squeeze):
    spec = replace(SPEC, max_squeeze=max_squeeze)
    crops = PROTOCOLS["1clip-center"].crops(frames, spec)
    assert crops.shape == (1, 4, 32, 32, 3)
    expected = Preprocessor(spec).crop(frames[2])
    assert np.abs(crops[0, 2].astype(int) - expected).max() <= 1  # fixed-point bilinear may round either way


@pytest.mark.parametrize(("name", "num_clips"), [("2clip-full", 2), ("10clip-3crop", 10)])
def test_three_crops_of_full_resolution_cover_the_long_side(frames, name, num_clips):
    protocol = PROTOCOLS[name]
    crops = protocol.crops(frames, SPEC)
    assert crops.shape == (3, 4, 36, 36, 3)
    left, middle, right = crops[:, 0, :, :, 0].mean((1, 2))
    assert left < middle < right
    assert crops[0, 0, 0, 0, 0] <= 1
    assert crops[2, 0, 0, -1, 0] >= 118
    assert protocol.num_views == 3 * num_clips
    assert np.array(protocol.indices(100, 8)).shape == (num_clips, 8)


def test_upright_frames_are_cropped_along_their_height(frames):
    crops = full_resolution_crops(frames.swapaxes(1, 2), SPEC, 3)
    top, middle, bottom = crops[:, 0, :, :, 0].mean((1, 2))
    assert top < middle < bottom


def test_what_is_squeezed_into_a_square_is_seen_once(frames):
    crops = PROTOCOLS["2clip-full"].crops(frames, replace(SPEC, max_squeeze=1.78))
    assert crops.shape == (1, 4, 36, 36, 3)


def test_unknown_protocols_are_one_line():
    with pytest.raises(UsageError, match=r"unknown protocol 'x'; choose one of 1clip-center, .*, stream"):
        clip_protocol("x")
