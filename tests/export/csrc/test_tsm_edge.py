"""The C interface as a C program meets it: the header under old and other standards, and misuse."""

import ctypes
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from c_interface import STATUSES, c_library

from tsm_edge.bundle import C_HEADER, LIBRARY, WEIGHTS, Bundle
from tsm_edge.runtime.backends.compiled import ABI_VERSION

# This process's threads.
TASKS = Path("/proc/self/task")

USER = """
#include "tsm_edge.h"
#include "tsm_edge.h"
int use(const char *path, const float *frame, float *logits, float *state, double *seconds, char *message);
int use(const char *path, const float *frame, float *logits, float *state, double *seconds, char *message) {
  static tsm_model_options options; /* all zero */
  static tsm_image image;
  tsm_model *model = 0, *other = 0;
  tsm_stream *stream = 0;
  tsm_info info;
  int status = tsm_get_info(&info);
  options.size = (int32_t)sizeof options;
  options.device = TSM_DEVICE_CPU;
  options.affinity = TSM_AFFINITY_BIG_FIRST;
  options.weights_path = path;
  options.message = message;
  options.message_bytes = 80;
  image.size = (int32_t)sizeof image;
  image.format = TSM_IMAGE_NV21;
  if (status == TSM_OK) status = tsm_model_open(path, 1, &model);
  if (status == TSM_OK) status = tsm_model_open_with(&options, &other);
  tsm_model_close(other);
  if (status == TSM_OK) status = tsm_model_open_memory(path, info.weight_bytes, 1, &other);
  if (status == TSM_OK) status = tsm_stream_create(model, &stream);
  if (status == TSM_OK) status = tsm_stream_step(stream, frame, logits);
  if (status == TSM_OK) status = tsm_stream_step_image(stream, &image, logits);
  if (status == TSM_ERROR_IMAGE) status = tsm_image_to_frame(&image, logits);
  if (status == TSM_OK) status = tsm_stream_profile(stream, frame, logits, seconds);
  if (status == TSM_OK) status = tsm_stream_save(stream, state);
  if (status == TSM_OK) status = tsm_stream_reset(stream);
  if (status == TSM_OK) status = tsm_stream_load(stream, state);
  if (status == TSM_OK && !tsm_model_device(model)) status = TSM_ERROR_DEVICE;
  if (tsm_model_num_calls(model) != info.num_calls || !tsm_model_call_name(model, 0)) status = TSM_ERROR_ARGUMENT;
  tsm_stream_destroy(stream);
  tsm_model_close(other);
  tsm_model_close(model);
  if (!tsm_metadata_json()) return 0;
  return status + tsm_abi_version() + (tsm_status_text(status)[0] == 0) + (tsm_call_name(0) == 0);
}
"""


@pytest.mark.parametrize(
    ("compiler", "standard", "suffix"),
    [("cc", "c89", "c"), ("cc", "c99", "c"), ("c++", "c++11", "cc"), ("c++", "c++20", "cc")],
)
def test_header_is_plain(compiled_path, tmp_path, compiler, standard, suffix):
    source = tmp_path / f"user.{suffix}"
    source.write_text(USER)
    flags = [
        f"-std={standard}",
        "-pedantic",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        "-o",
        str(tmp_path / "user.o"),
    ]
    command = [sys.executable, "-m", "ziglang", compiler, *flags, f"-I{compiled_path}", str(source)]
    subprocess.run(command, check=True)


def test_header_declares_what_the_users_source_uses(compiled_path):
    declared = re.findall(
        r"^TSM_API [^(]*\b(tsm_\w+)\(", (compiled_path / C_HEADER).read_text(), re.MULTILINE
    )
    assert set(declared) == set(re.findall(r"\b(tsm_\w+)\(", USER))


@pytest.fixture(scope="module")
def library(compiled_path):
    return c_library(compiled_path / LIBRARY)


@pytest.fixture
def status(library):
    """The text of the status that a function returns."""

    def status_(name, *arguments):
        return library.tsm_status_text(getattr(library, name)(*arguments)).decode()

    return status_


@pytest.fixture
def stream(library, compiled_path):
    model, stream = ctypes.c_void_p(), ctypes.c_void_p()
    path = str(compiled_path / WEIGHTS).encode()
    assert library.tsm_model_open(path, 1, ctypes.byref(model)) == 0
    assert library.tsm_stream_create(model, ctypes.byref(stream)) == 0
    yield stream
    library.tsm_stream_destroy(stream)
    library.tsm_model_close(model)


def floats(count):
    return np.zeros(count, np.float32).ctypes.data_as(ctypes.c_void_p)


def test_version_is_the_headers_and_the_runtimes(library, compiled_path):
    (header,) = re.findall(r"TSM_ABI_VERSION (\d+)", (compiled_path / C_HEADER).read_text())
    assert library.tsm_abi_version() == int(header) == ABI_VERSION
    assert Bundle.open(compiled_path).manifest.abi_version == ABI_VERSION


def test_every_status_has_a_text_of_its_own(library):
    texts = [library.tsm_status_text(status).decode() for status in STATUSES.values()]
    assert len(set(texts)) == len(STATUSES)
    assert texts[0] == "ok"
    last = min(STATUSES.values())
    assert library.tsm_status_text(last - 1) == library.tsm_status_text(1) == b"unknown status"


def test_statuses_are_the_headers(compiled_path):
    header = (compiled_path / C_HEADER).read_text()
    declared = {name.lower(): int(value) for name, value in re.findall(r"TSM_ERROR_(\w+) = (-\d+)", header)}
    assert {"ok": 0} | declared == STATUSES


@pytest.mark.parametrize("threads", [0, -1, 65, 2**31 - 1])
def test_number_of_threads_out_of_range(status, compiled_path, threads):
    model = ctypes.c_void_p()
    path = str(compiled_path / WEIGHTS).encode()
    assert "out of range" in status("tsm_model_open", path, threads, ctypes.byref(model))
    assert not model


def test_null_pointers_are_an_argument_error(status, stream, compiled_path):
    path, null, pointer = str(compiled_path / WEIGHTS).encode(), None, floats(3 * 32 * 32)
    for name, arguments in (
        ("tsm_get_info", (null,)),
        ("tsm_model_open", (null, 1, ctypes.byref(ctypes.c_void_p()))),
        ("tsm_model_open", (path, 1, null)),
        ("tsm_stream_create", (null, ctypes.byref(ctypes.c_void_p()))),
        ("tsm_stream_step", (null, pointer, pointer)),
        ("tsm_stream_step", (stream, null, pointer)),
        ("tsm_stream_step", (stream, pointer, null)),
        ("tsm_stream_profile", (stream, pointer, pointer, null)),
        ("tsm_stream_reset", (null,)),
        ("tsm_stream_save", (null, pointer)),
        ("tsm_stream_save", (stream, null)),
        ("tsm_stream_load", (null, pointer)),
        ("tsm_stream_load", (stream, null)),
    ):
        assert "null pointer" in status(name, *arguments), name


def test_nothing_may_be_closed_and_destroyed(library):
    library.tsm_model_close(None)
    library.tsm_stream_destroy(None)


def test_weights_that_cannot_be_read(status, tmp_path):
    model = ctypes.c_void_p()
    missing = status("tsm_model_open", str(tmp_path / "none").encode(), 1, ctypes.byref(model))
    assert "cannot be opened" in missing
    (tmp_path / "short").write_bytes(b"short")
    other = status("tsm_model_open", str(tmp_path / "short").encode(), 1, ctypes.byref(model))
    assert "another library" in other
    assert not model


@pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="threads are placed where there are processors for them"
)
def test_threads_that_woke_up_are_bound_to_no_processor(library, compiled_path):
    before = set(TASKS.iterdir())
    model, stream, info = ctypes.c_void_p(), ctypes.c_void_p(), (ctypes.c_int32 * 16)()
    assert library.tsm_model_open(str(compiled_path / WEIGHTS).encode(), 2, ctypes.byref(model)) == 0
    assert library.tsm_stream_create(model, ctypes.byref(stream)) == 0
    assert library.tsm_get_info(info) == 0
    _, height, width, classes, *_ = info
    (worker,) = set(TASKS.iterdir()) - before
    frame, logits = floats(3 * height * width), floats(classes)
    for _ in range(3):
        _wait_until(lambda: (worker / "stat").read_text().rpartition(")")[2].split()[0] == "S")
        assert library.tsm_stream_step(stream, frame, logits) == 0
        _wait_until(lambda: os.sched_getaffinity(int(worker.name)) == os.sched_getaffinity(0))
    library.tsm_stream_destroy(stream)
    library.tsm_model_close(model)


def _wait_until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


def test_models_come_and_go(library, compiled_path):
    path = str(compiled_path / WEIGHTS).encode()
    for threads in (1, 4, 2) * 5:
        model = ctypes.c_void_p()
        assert library.tsm_model_open(path, threads, ctypes.byref(model)) == 0
        library.tsm_model_close(model)
