"""A camera's images in C, beside OpenCV and runtime/preprocess.py: the same within one grey level."""

import ctypes
import subprocess
import sys

import cv2
import numpy as np
import pytest
from c_interface import FORMATS, STATUSES, Image, c_library, image_of, noise_of, pointer
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.bundle import LIBRARY, WEIGHTS, Bundle
from tsm_edge.export.zig import c_source
from tsm_edge.runtime.preprocess import Preprocessor
from tsm_edge.specs import PreprocessSpec

ROTATIONS = {0: None, 90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
TO_BGR = {
    "nv21": cv2.COLOR_YUV2BGR_NV21,
    "nv12": cv2.COLOR_YUV2BGR_NV12,
    "i420": cv2.COLOR_YUV2BGR_I420,
    "yuv_420_888": cv2.COLOR_YUV2BGR_I420,
    "rgb": cv2.COLOR_RGB2BGR,
    "rgba": cv2.COLOR_RGBA2BGR,
    "bgra": cv2.COLOR_BGRA2BGR,
    "grey": cv2.COLOR_GRAY2BGR,
}
# Bilinear weights are rounded to 11 bits here and there, in another order.
ONE_LEVEL = 1.0 + 1e-3

# The preprocessing alone, for networks of other sizes than the tests' bundle: its plan has no kernels.
PLAN = """
#include "tsm_plan.h"
static const float levels[3][256] = {%s};
const tsm_plan tsm_model_plan = {
  .height = %d, .width = %d, .resize_short_side = %d, .max_squeeze = %r, .levels = levels[0]};
"""


def bgr_by_opencv(format_name, samples):
    """(H, W, 3) uint8, as OpenCV makes it; it takes even sizes alone, so that odd ones are filled up for it."""
    if format_name == "bgr":
        return samples[0]
    if len(samples) == 1:
        return cv2.cvtColor(samples[0], TO_BGR[format_name])
    y, u, v = samples
    height, width = y.shape
    whole = np.pad(y, ((0, height % 2), (0, width % 2)))
    chroma = {"nv21": np.stack([v, u], -1), "nv12": np.stack([u, v], -1)}.get(format_name, np.stack([u, v]))
    stacked = np.concatenate([whole.ravel(), chroma.ravel()]).reshape(whole.shape[0] * 3 // 2, whole.shape[1])
    return cv2.cvtColor(stacked, TO_BGR[format_name])[:height, :width]


def frame_by_python(format_name, samples, rotation, spec):
    bgr = bgr_by_opencv(format_name, samples)
    upright = bgr if rotation == 0 else cv2.rotate(bgr, ROTATIONS[rotation])
    return Preprocessor(spec)(upright)[0]


def most_levels_apart(left, right, spec):
    scale = 255 * np.array(spec.std, np.float64)[:, None, None]
    return np.abs((left.astype(np.float64) - right) * scale).max()


def to_frame(library, image, size):
    frame = np.full((3, size, size), np.nan, np.float32)
    assert library.tsm_image_to_frame(ctypes.byref(image), pointer(frame)) == 0
    return frame


@pytest.fixture(
    scope="module", params=[(36, 32, 1.0), (256, 224, 4 / 3), (224, 224, 1.78), (100, 77, 1.0)], ids=str
)
def network(request, tmp_path_factory):
    """A library that makes frames of that size, and what Python is told."""
    resize, crop, squeeze = request.param
    spec = PreprocessSpec(resize_short_side=resize, crop_size=crop, max_squeeze=squeeze)
    levels = (np.arange(256)[None] / 255 - np.array(spec.mean)[:, None]) / np.array(spec.std)[:, None]
    rows = ", ".join("{" + ", ".join(f"{float(v).hex()}f" for v in row) + "}" for row in levels)
    folder = tmp_path_factory.mktemp("image")
    (folder / "plan.c").write_text(PLAN % (rows, crop, crop, resize, squeeze))
    sources = [c_source(name) for name in ("tsm_image.c", "tsm_view.c", "tsm_pixels.c")]
    flags = ["-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    include = f"-I{sources[0].parent}"
    command = [sys.executable, "-m", "ziglang", "cc", *flags, include, folder / "plan.c", *sources]
    subprocess.run([*command, "-o", folder / "image.so"], check=True)
    return ctypes.CDLL(str(folder / "image.so")), spec


@pytest.mark.parametrize("format_name", FORMATS)
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)).filter(lambda s: max(s) <= 32 * min(s)),
    rotation=st.sampled_from(sorted(ROTATIONS)),
    padding=st.sampled_from([0, 0, 1, 13, 64]),
    pixel_stride=st.sampled_from([1, 2]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_image_becomes_what_python_makes_of_it(
    network, format_name, size, rotation, padding, pixel_stride, seed
):
    library, spec = network
    samples = noise_of(format_name, *size, np.random.default_rng(seed))
    image, _memory = image_of(
        format_name, samples, padding=padding, pixel_stride=pixel_stride, rotation=rotation
    )
    frame = to_frame(library, image, spec.crop_size)
    expected = frame_by_python(format_name, samples, rotation, spec)
    assert most_levels_apart(frame, expected, spec) <= ONE_LEVEL


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(
    "size", [(480, 640), (1080, 1920), (720, 1280), (240, 320), (448, 448), (1, 32)], ids=str
)
def test_cameras_sizes(network, format_name, size):
    library, spec = network
    samples = noise_of(format_name, *size, np.random.default_rng(0))
    image, _memory = image_of(format_name, samples, padding=32, pixel_stride=2, rotation=90)
    expected = frame_by_python(format_name, samples, 90, spec)
    assert most_levels_apart(to_frame(library, image, spec.crop_size), expected, spec) <= ONE_LEVEL


def test_every_colour_is_opencvs(network):
    """A picture of one Y, U and V is that colour, to the bit, for every step of eight and the ends."""
    library, spec = network
    steps = [*range(0, 256, 17), 15, 16, 17, 127, 128, 129, 235, 240]
    for y in steps:
        for u, v in zip(steps, np.random.default_rng(y).permutation(steps), strict=True):
            samples = (np.full((4, 4), y, np.uint8), *(np.full((2, 2), c, np.uint8) for c in (u, v)))
            image, _memory = image_of("i420", samples)
            frame = to_frame(library, image, spec.crop_size)
            np.testing.assert_array_equal(frame, frame_by_python("i420", samples, 0, spec))


@pytest.fixture(scope="module")
def library(compiled_path):
    return c_library(compiled_path / LIBRARY)


@pytest.fixture
def streams(library, compiled_path):
    """Two streams of one model."""
    model, streams = ctypes.c_void_p(), [ctypes.c_void_p(), ctypes.c_void_p()]
    assert library.tsm_model_open(str(compiled_path / WEIGHTS).encode(), 1, ctypes.byref(model)) == 0
    for stream in streams:
        assert library.tsm_stream_create(model, ctypes.byref(stream)) == 0
    yield streams
    for stream in streams:
        library.tsm_stream_destroy(stream)
    library.tsm_model_close(model)


@pytest.mark.parametrize("format_name", FORMATS)
def test_step_image_is_a_step_of_its_frame(library, streams, compiled_path, format_name):
    spec = Bundle.open(compiled_path).manifest.model
    size, rng = spec.preprocess.crop_size, np.random.default_rng(1)
    for _ in range(3):
        image, _memory = image_of(format_name, noise_of(format_name, 60, 80, rng), rotation=270)
        answers = [np.full(spec.num_classes, np.nan, np.float32) for _ in streams]
        assert library.tsm_stream_step_image(streams[0], ctypes.byref(image), pointer(answers[0])) == 0
        frame = to_frame(library, image, size)
        assert library.tsm_stream_step(streams[1], pointer(frame), pointer(answers[1])) == 0
        np.testing.assert_array_equal(*answers)


def good_image(format_name="nv21"):
    return image_of(format_name, noise_of(format_name, 40, 60, np.random.default_rng(2)), padding=4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("size", value) for value in (0, 4, ctypes.sizeof(Image) - 4, ctypes.sizeof(Image) + 8, -1)),
        *(("format", value) for value in (-1, len(FORMATS), 2**31 - 1, -(2**31))),
        *((side, value) for side in ("width", "height") for value in (0, -1, 32769, 1, 2**31 - 1, -(2**31))),
        *(("rotation", value) for value in (1, -90, 360, 91, 2**31 - 1)),
    ],
)
def test_image_that_cannot_be(library, streams, field, value):
    image, _memory = good_image()
    setattr(image, field, value)
    refuses(library, streams, image)


def refuses(library, streams, image):
    frame, logits = np.full((3, 32, 32), 7, np.float32), np.full(27, 7, np.float32)
    assert library.tsm_image_to_frame(ctypes.byref(image), pointer(frame)) == STATUSES["image"]
    assert (
        library.tsm_stream_step_image(streams[0], ctypes.byref(image), pointer(logits)) == STATUSES["image"]
    )
    assert (frame == 7).all()
    assert (logits == 7).all()


@pytest.mark.parametrize("format_name", FORMATS)
def test_planes_and_strides_that_cannot_be(library, streams, format_name):
    for plane in range(3):
        image, memory = good_image(format_name)
        if plane >= len(memory.arrays):
            continue
        for stride in (1, -1, -64, 29, -(2**31)):
            image.row_strides[plane] = stride
            refuses(library, streams, image)
        image.row_strides[plane] = 0
        image.planes[plane] = None
        refuses(library, streams, image)


@pytest.mark.parametrize("stride", [-1, 3, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("plane", range(3))
def test_pixel_strides_that_cannot_be(library, streams, plane, stride):
    image, _memory = good_image("yuv_420_888")
    image.pixel_strides[plane] = stride
    refuses(library, streams, image)


def test_null_pointers(library, streams):
    image, _memory = good_image()
    frame = np.zeros((3, 32, 32), np.float32)
    for name, arguments in (
        ("tsm_image_to_frame", (None, pointer(frame))),
        ("tsm_image_to_frame", (ctypes.byref(image), None)),
        ("tsm_stream_step_image", (None, ctypes.byref(image), pointer(frame))),
        ("tsm_stream_step_image", (streams[0], None, pointer(frame))),
        ("tsm_stream_step_image", (streams[0], ctypes.byref(image), None)),
    ):
        assert getattr(library, name)(*arguments) == STATUSES["argument"], name
