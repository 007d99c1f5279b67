import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundle import tiny_spec

from tsm_edge.errors import FrameError
from tsm_edge.runtime.preprocess import Preprocessor, check_frame, normalise
from tsm_edge.specs import PreprocessSpec

# OpenCV resizes bytes in fixed point and rounds the result to a whole level.
LEVELS = 1.0

CAMERA_SIZES = [
    (144, 176),
    (240, 320),
    (480, 640),
    (720, 1280),
    (1080, 1920),
    (1280, 720),
    (272, 640),
    (101, 57),
]


def reference(frame: np.ndarray, spec: PreprocessSpec) -> np.ndarray:
    """The specification in plain numpy and float64: resized pixels sample the source at their centres."""
    height, width = spec.resized_size(*frame.shape[:2])
    rows = sampled(frame.astype(np.float64), height)
    resized = sampled(rows.swapaxes(0, 1), width).swapaxes(0, 1)
    top, left = (round((length - spec.crop_size) / 2) for length in (height, width))
    crop = resized[top : top + spec.crop_size, left : left + spec.crop_size, ::-1]
    return ((crop / 255 - spec.mean) / spec.std).transpose(2, 0, 1)[None]


def sampled(picture: np.ndarray, length: int) -> np.ndarray:
    """`picture` with `length` rows, bilinear, borders repeated."""
    position = (np.arange(length) + 0.5) * len(picture) / length - 0.5
    below = np.floor(position).astype(int)
    share = (position - below)[:, None, None]
    rows = [picture[np.clip(below + step, 0, len(picture) - 1)] for step in (0, 1)]
    return rows[0] * (1 - share) + rows[1] * share


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def assert_within_levels(found: np.ndarray, expected: np.ndarray, spec: PreprocessSpec) -> None:
    scale = 255 * np.array(spec.std)[:, None, None]
    np.testing.assert_allclose(found * scale, expected * scale, rtol=0, atol=LEVELS)


@pytest.mark.parametrize("max_squeeze", [1.0, 4 / 3, 1.78])
@pytest.mark.parametrize(("height", "width"), CAMERA_SIZES)
def test_camera_sizes_match_the_reference(height, width, max_squeeze):
    spec = PreprocessSpec(max_squeeze=max_squeeze)
    frame = picture(height, width)
    found = Preprocessor(spec)(frame)
    assert found.shape == (1, 3, 224, 224)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert_within_levels(found, reference(frame, spec), spec)


@given(
    short=st.integers(1, 90),
    ratio=st.floats(1, 32),
    upright=st.booleans(),
    crop=st.integers(1, 32),
    max_squeeze=st.one_of(st.just(1.0), st.floats(1, 4)),
)
def test_any_size_matches_the_reference(short, ratio, upright, crop, max_squeeze):
    spec = PreprocessSpec(resize_short_side=32, crop_size=crop, max_squeeze=max_squeeze)
    size = (int(short * ratio), short) if upright else (short, int(short * ratio))
    frame = picture(*size)
    assert_within_levels(Preprocessor(spec)(frame), reference(frame, spec), spec)


@given(
    height=st.integers(16, 400), width=st.integers(16, 400), max_squeeze=st.sampled_from([1.0, 4 / 3, 1.78])
)
def test_cutting_first_changes_no_pixel(height, width, max_squeeze):
    frame = picture(height, width)
    spec = PreprocessSpec(max_squeeze=max_squeeze)
    resized_height, resized_width = spec.resized_size(height, width)
    whole = cv2.resize(frame, (resized_width, resized_height), interpolation=cv2.INTER_LINEAR)
    top, left = round((resized_height - 224) / 2), round((resized_width - 224) / 2)
    expected = whole[top : top + 224, left : left + 224].astype(int)
    # The fixed-point weights of a part may differ from those of the whole in their last bit.
    assert np.abs(Preprocessor(spec).crop(frame) - expected).max() <= 1


def test_channels_become_red_green_blue():
    frame = np.zeros((50, 50, 3), np.uint8)
    frame[..., 2] = 255  # red is last in BGR
    spec = PreprocessSpec()
    red, green, blue = Preprocessor(spec)(frame)[0, :, 100, 100]
    np.testing.assert_allclose(red, (1 - 0.485) / 0.229, rtol=1e-6)
    np.testing.assert_allclose([green, blue], [-0.456 / 0.224, -0.406 / 0.225], rtol=1e-6)


def test_views_are_read_as_they_look():
    frame = picture(60, 80)
    preprocess = Preprocessor(PreprocessSpec())
    mirrored = preprocess(frame[:, ::-1])
    np.testing.assert_array_equal(mirrored, preprocess(np.ascontiguousarray(frame[:, ::-1])))


def test_normalise_is_the_second_half_of_preprocessing():
    spec = PreprocessSpec(resize_short_side=32, crop_size=32)
    frame = picture(32, 32)
    rgb = np.ascontiguousarray(frame[..., ::-1])
    np.testing.assert_array_equal(normalise(rgb, spec), Preprocessor(spec)(frame))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((4, 4), np.uint8), "COLOR_GRAY2BGR"),
        (np.zeros((4, 4, 1), np.uint8), "COLOR_GRAY2BGR"),
        (np.zeros((4, 4, 4), np.uint8), "COLOR_BGRA2BGR"),
        (np.zeros((4, 4, 3), np.uint16), "uint16"),
        (np.zeros((4, 4, 3), np.float32), "astype"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros((4, 0, 3), np.uint8), "no pixels"),
        (np.zeros((3, 4, 4), np.uint8), "COLOR_BGRA2BGR"),
        (np.zeros((2, 4, 4, 3), np.uint8), "one frame at a time"),
        (np.zeros((2, 65, 3), np.uint8), "32 times"),
        ([[1, 2, 3]], "not a list"),
        (None, "not a NoneType"),
    ],
)
def test_other_arrays_are_refused_in_one_line(frame, words):
    with pytest.raises(FrameError, match=words) as refused:
        check_frame(frame)
    assert "\n" not in str(refused.value)


def test_tensors_need_no_opencv(tiny_path):
    program = f"""
import sys
sys.modules["cv2"] = None
import numpy as np
from tsm_edge.errors import MissingDependencyError
from tsm_edge.runtime import Session
with Session.load({str(tiny_path)!r}, backend="onnxruntime") as session:
    stream = session.open_stream()
    print(stream.step_tensor(np.zeros(session.spec.input_shape, np.float32)).label)
    try:
        stream.step(np.zeros((8, 8, 3), np.uint8))
    except MissingDependencyError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    label, message = done.stdout.splitlines()
    assert label in tiny_spec().labels
    assert "pip install opencv-python" in message
