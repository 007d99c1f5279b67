import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moving_shapes import moving_shape, write_clip

from tsm_edge.errors import DataError, MissingDependencyError
from tsm_edge.export.data import Clip
from tsm_edge.export.data.augmentation import mirror, mirror_flow
from tsm_edge.export.data.frame_cache import FrameCache, decoded_bytes
from tsm_edge.export.data.optical_flow import (
    check_flow_method,
    num_places,
    optical_flow,
    quantised,
    stacked_fields,
)
from tsm_edge.specs import FlowSpec

FLOW = FlowSpec(num_fields=3)
HAS_CONTRIB = hasattr(cv2, "optflow")
tvl1 = pytest.param(
    "tvl1", marks=pytest.mark.skipif(not HAS_CONTRIB, reason="opencv-contrib-python is not installed")
)


def textured(size, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)


def shifted_pair(dx, dy, size=64, margin=12):
    """A picture, and what a camera sees when all of it moves right by dx and down by dy."""
    whole = textured(size + 2 * margin)
    before = whole[margin : margin + size, margin : margin + size]
    after = whole[margin - dy : margin - dy + size, margin - dx : margin - dx + size]
    return before, after


@pytest.mark.parametrize("method", ["dis", tvl1])
@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (-4, 0), (0, 2), (5, -3), (-2, -6)])
def test_the_flow_of_a_shifted_picture_is_the_shift(method, shift):
    (field,) = optical_flow([shifted_pair(*shift)], method)
    assert field.shape == (64, 64, 2)
    inside = field[12:-12, 12:-12]
    # Both methods are made for parts of a pixel; a third is far less than the step from one shift to the next.
    assert np.abs(inside - shift).max() < 0.34


@pytest.mark.skipif(HAS_CONTRIB, reason="opencv-contrib-python is installed")
def test_tvl1_without_its_module_gets_one_line():
    with pytest.raises(MissingDependencyError, match=r"contrib-python`; or give --flow-method dis$"):
        check_flow_method("tvl1")


def test_frames_that_are_too_small_get_one_line():
    with pytest.raises(DataError, match="no optical flow of frames of 8 x 8 pixels"):
        optical_flow([shifted_pair(0, 0, size=8)], "dis")


def test_pixels_become_eight_bits_as_published():
    field = np.array([-400, -20, -10, 0, 0.1, 10, 20, 21], np.float32)
    assert quantised(field, 20).tolist() == [0, 0, 64, 128, 128, 191, 255, 255]


@given(st.floats(-20, 20, width=32))
def test_eight_bits_are_half_a_step_off_at_most(motion):
    value = float(quantised(np.array([motion], np.float32), 20)[0])
    assert abs(value / 255 * 40 - 20 - motion) <= 20 / 255 + 1e-4


def test_stacks_begin_where_all_their_fields_are_left():
    assert num_places(12, None) == 12
    assert num_places(12, FLOW) == 9
    assert num_places(2, FLOW) == 1
    assert stacked_fields([0, 8], 3, last=10).tolist() == [[0, 1, 2], [8, 9, 10]]
    assert stacked_fields([0], 5, last=2).tolist() == [[0, 1, 2, 2, 2]]


@pytest.mark.parametrize("name", ["clip.avi", "clip"], ids=["video", "pictures"])
def test_what_a_network_sees_is_x_and_y_in_turn(tmp_path, name):
    path = write_clip(tmp_path / name, moving_shape("right", np.random.default_rng(3)))
    clip = Clip(path=path, label=0, num_frames=12)
    direct, cached = FrameCache(None, 40, FLOW), FrameCache(tmp_path / "cache", 40, FLOW)
    stacks = direct.read(clip, [4, 0, 8])
    assert stacks.shape == (3, 40, 40, 6)
    for _ in range(2):
        assert (cached.read(clip, [4, 0, 8]) == stacks).all()
    (copy,) = (tmp_path / "cache").iterdir()
    assert np.load(copy).nbytes == decoded_bytes([clip], 40, FLOW) == 11 * 40 * 40 * 2
    across, down = stacks[..., 0::2].astype(int) - 128, stacks[..., 1::2].astype(int) - 128
    assert across.max() > 15  # two pixels and more, 6 a step
    assert np.abs(across).sum() > 3 * np.abs(down).sum()


def test_another_way_to_compute_flow_and_other_pictures_get_copies_of_their_own(tmp_path):
    path = write_clip(tmp_path / "clip", moving_shape("right", np.random.default_rng(3)))
    clip, cache = Clip(path=path, label=0, num_frames=12), tmp_path / "cache"
    before = FrameCache(cache, 40, FLOW).read(clip, [5])
    assert (FrameCache(cache, 40, FlowSpec(num_fields=3, bound_px=5)).read(clip, [5]) != before).any()
    cv2.imwrite(str(path / "00007.jpg"), textured(48))
    assert (FrameCache(cache, 40, FLOW).read(clip, [5]) != before).any()
    assert len(list(cache.iterdir())) == 3


def test_a_mirror_shows_motion_the_other_way():
    pair = [frame[None] for frame in shifted_pair(5, -3)]
    field = quantised(optical_flow([(pair[0][0], pair[1][0])], "dis"), 20)
    mirrored = quantised(optical_flow([(mirror(pair[0])[0], mirror(pair[1])[0])], "dis"), 20)
    difference = mirror_flow(field).astype(int) - mirrored
    assert np.abs(difference[:, 12:-12, 12:-12]).max() <= 3  # half a pixel
    assert (mirror_flow(mirror_flow(field)) == field).all()
