"""Raw frames through the tool: what the Python runtime answers to the same ones."""

import ctypes
import json
import os
import subprocess

import numpy as np
import pytest
from c_interface import FORMATS, c_library, image_of, noise_of, pointer

from tsm_edge.bundle import LIBRARY, RUN_TOOL, WEIGHTS, Bundle
from tsm_edge.runtime import Session
from tsm_edge.runtime.preprocess import normalise

NUM_FRAMES = 5
HEIGHT, WIDTH = 45, 63


@pytest.fixture
def run(compiled_path):
    def run_(*arguments, stdin=b"", code=0):
        command = [compiled_path / RUN_TOOL, compiled_path, *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout.decode(), done.stderr.decode()

    return run_


@pytest.fixture(scope="module")
def bundle(compiled_path):
    return Bundle.open(compiled_path)


@pytest.fixture
def stream(compiled_path):
    session = Session.load(compiled_path, backend="tvm")
    yield session.open_stream()
    session.close()


@pytest.fixture
def frames(bundle):
    """(T, 1, 3, H, W) float32."""
    return np.stack([normalise(frame, bundle.manifest.model.preprocess) for frame in bundle.golden_frames])


@pytest.mark.parametrize("piped", [True, False], ids=["pipe", "file"])
def test_floats_are_answered_one_by_one(run, stream, frames, bundle, tmp_path, piped):
    (tmp_path / "frames").write_bytes(frames.tobytes())
    source = ("-", frames.tobytes()) if piped else (tmp_path / "frames", b"")
    answers = [
        json.loads(line) for line in run("--raw", source[0], "--json", stdin=source[1])[0].splitlines()
    ]
    assert [answer["frame"] for answer in answers] == list(range(len(frames)))
    for answer, frame in zip(answers, frames, strict=True):
        logits = stream.step_tensor(frame).logits
        np.testing.assert_array_equal(np.array(answer["logits"], np.float32), logits)
        assert answer["class"] == logits.argmax()
        assert answer["label"] == bundle.manifest.model.labels[logits.argmax()]


def test_people_read_a_line_a_frame(run, frames, bundle):
    lines = run("--raw", "-", "--frames", 3, stdin=frames.tobytes())[0].splitlines()
    assert len(lines) == 3
    for t, line in enumerate(lines):
        frame, number, label, logit = line.split("\t")
        assert int(frame) == t
        assert label == bundle.manifest.model.labels[int(number)]
        assert float(logit) > 0


@pytest.fixture
def step_image(compiled_path):
    """Logits of images, one after the other, by the library."""
    library, model, stream = c_library(compiled_path / LIBRARY), ctypes.c_void_p(), ctypes.c_void_p()
    assert library.tsm_model_open(os.fsencode(compiled_path / WEIGHTS), 1, ctypes.byref(model)) == 0
    assert library.tsm_stream_create(model, ctypes.byref(stream)) == 0

    def step(image):
        logits = np.zeros(27, np.float32)
        assert library.tsm_stream_step_image(stream, ctypes.byref(image), pointer(logits)) == 0
        return logits

    yield step
    library.tsm_stream_destroy(stream)
    library.tsm_model_close(model)


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("format_name", [name for name in FORMATS if name != "yuv_420_888"])
def test_images_are_answered_as_the_library_does(run, step_image, format_name, rotation):
    rng, recorded, expected = np.random.default_rng(0), b"", []
    for _ in range(NUM_FRAMES):
        image, memory = image_of(format_name, noise_of(format_name, HEIGHT, WIDTH, rng), rotation=rotation)
        recorded += b"".join(array.tobytes() for array in memory.arrays)
        expected.append(step_image(image))
    layout = f"{format_name}:{WIDTH}x{HEIGHT}" + (f":{rotation}" if rotation else "")
    lines = run("--raw", "-", "--image", layout, "--json", stdin=recorded)[0].splitlines()
    answered = np.array([json.loads(line)["logits"] for line in lines], np.float32)
    np.testing.assert_array_equal(answered, expected)


def test_formats_of_one_picture_agree(run):
    """RGB and BGR and, of a grey picture, all of them, in the same process after another picture."""
    grey = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
    pictures = {
        "grey": grey[..., None],
        "rgb": np.repeat(grey[..., None], 3, axis=2),
        "bgra": np.repeat(grey[..., None], 4, axis=2),
    }
    said = {
        run("--raw", "-", "--image", f"{name}:{WIDTH}x{HEIGHT}", "--json", stdin=picture.tobytes())[0]
        for name, picture in pictures.items()
    }
    assert len(said) == 1


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_answer_images_with_the_same_bits(run, threads):
    pictures = np.random.default_rng(2).integers(0, 256, (NUM_FRAMES, HEIGHT, WIDTH, 3), np.uint8).tobytes()
    layout = ("--raw", "-", "--image", f"rgb:{WIDTH}x{HEIGHT}", "--json", "--threads")
    assert run(*layout, threads, stdin=pictures)[0] == run(*layout, 1, stdin=pictures)[0]


def test_half_a_frame_is_said(run, frames):
    said, why = run("--raw", "-", stdin=frames.tobytes()[:-1], code=1)
    assert len(said.splitlines()) == len(frames) - 1
    assert f"-, frame {len(frames) - 1}: the file ends before the frame does" in why


def test_no_frame_is_a_failure(run):
    assert "-, frame 0: the file ends" in run("--raw", "-", code=1)[1]


def test_file_that_is_not_there(run, tmp_path):
    assert f"cannot open: {tmp_path}/none" in run("--raw", tmp_path / "none", code=1)[1]


def test_folder_is_no_file(run, tmp_path):
    assert "frame 0: cannot be read" in run("--raw", tmp_path, code=1)[1]


def test_value_that_is_no_number(run, frames):
    frames[2, 0, 1, 5, 5] = np.nan
    said, why = run("--raw", "-", stdin=frames.tobytes(), code=1)
    assert len(said.splitlines()) == 2
    assert "frame 2: a value is NaN or infinite" in why


def test_image_that_the_library_refuses(run):
    assert "frame 0: an image's" in run("--raw", "-", "--image", "grey:100x1", stdin=bytes(100), code=1)[1]
    assert "frame 0: an image's" in run("--raw", "-", "--image", "grey:4x4:45", stdin=bytes(16), code=1)[1]
