"""The example in the bundle: built by the line that it documents, it says what the library says."""

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from c_interface import c_library, image_of, pointer

from tsm_edge.bundle import C_EXAMPLE, LIBRARY, WEIGHTS

README = Path(__file__).parents[3] / "README.md"
WARNINGS = ("-std=c89", "-pedantic", "-Wall", "-Wextra", "-Werror")


def documented_line(text):
    return re.search(r"cc example\.c [^&\n]*-o example", text).group()


@pytest.fixture(scope="module")
def folder(compiled_path, tmp_path_factory):
    """A copy of the bundle, with the example built in it."""
    folder = shutil.copytree(compiled_path, tmp_path_factory.mktemp("example") / "bundle")
    line = documented_line((folder / C_EXAMPLE).read_text())
    _, *arguments = shlex.split(line)
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *WARNINGS, *arguments], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (50 + 7 * t, 80, 3), np.uint8) for t in range(4)]


@pytest.fixture
def paths(tmp_path, pictures):
    for t, picture in enumerate(pictures):
        height, width, _ = picture.shape
        (tmp_path / f"{t}.ppm").write_bytes(f"P6\n{width} {height}\n255\n".encode() + picture.tobytes())
    return sorted(tmp_path.glob("*.ppm"))


def run(folder, *paths, code=0):
    done = subprocess.run(["./example", *paths], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_readmes_program_runs(compiled_path, tmp_path):
    """Its classes and its camera are the default model's; beside weights.bin it ends well."""
    (program,) = re.findall(r"```c\n(.*?)```", README.read_text(), re.DOTALL)
    folder = shutil.copytree(compiled_path, tmp_path / "bundle")
    (folder / "main.c").write_text(program)
    warnings = ["-std=c99", *WARNINGS[1:]]
    linking = ["-I.", "-L.", "-ltsm_model", "-Wl,-rpath,$ORIGIN"]
    command = [sys.executable, "-m", "ziglang", "cc", *warnings, "main.c", *linking, "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    assert subprocess.run([folder / "main"], cwd=folder, check=False).returncode == 0


def test_readme_and_example_document_the_same_line(folder):
    assert documented_line(README.read_text()) == documented_line((folder / C_EXAMPLE).read_text())


def test_example_says_what_the_library_says(folder, pictures, paths):
    library, model, stream = c_library(folder / LIBRARY), ctypes.c_void_p(), ctypes.c_void_p()
    assert library.tsm_model_open(os.fsencode(folder / WEIGHTS), 1, ctypes.byref(model)) == 0
    assert library.tsm_stream_create(model, ctypes.byref(stream)) == 0
    expected = []
    for path, picture in zip(paths, pictures, strict=True):
        image, _memory = image_of("rgb", (picture,))
        logits = np.zeros(27, np.float32)
        assert library.tsm_stream_step_image(stream, ctypes.byref(image), pointer(logits)) == 0
        expected.append(f"{path}: class {logits.argmax()}, logit {logits.max():g}")
    library.tsm_stream_destroy(stream)
    library.tsm_model_close(model)
    assert run(folder, *paths).stdout.splitlines() == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no binary PPM"),
        (b"P5\n2 2\n255\n" + bytes(4), "no binary PPM"),
        (b"P6\n2 2\n255\n" + bytes(11), "no binary PPM"),
        (b"P6\n-2 2\n255\n" + bytes(12), "no binary PPM"),
        (b"P6\n1 40\n255\n" + bytes(120), "an image's"),
    ],
)
def test_pictures_that_cannot_be(folder, tmp_path, content, said):
    (tmp_path / "bad.ppm").write_bytes(content)
    assert said in run(folder, tmp_path / "bad.ppm", code=1).stderr


def test_weights_that_are_missing(folder, paths, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / WEIGHTS).unlink()
    assert "cannot open weights.bin" in run(copy, *paths, code=1).stderr
