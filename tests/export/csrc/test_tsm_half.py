"""Half floats and SHA-256 in C, against numpy and hashlib."""

import ctypes
import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.export.zig import c_source

SOURCE = """
#include "tsm_half.h"
#include "tsm_sha256.h"
float to_float(unsigned half) { return tsm_half_to_float((uint16_t)half); }
void to_floats(const uint16_t *halves, float *floats, int count) {
  for (int i = 0; i < count; i++) floats[i] = tsm_half_to_float(halves[i]);
}
void to_halves(const float *floats, uint16_t *halves, int count) {
  for (int i = 0; i < count; i++) halves[i] = tsm_float_to_half(floats[i]);
}
void hash(const char *data, int first, int bytes, char *hex) {
  tsm_sha256 state;
  tsm_sha256_begin(&state);
  tsm_sha256_add(&state, data, (size_t)first);
  tsm_sha256_add(&state, data + first, (size_t)(bytes - first));
  tsm_sha256_end(&state, hex);
}
"""
LARGEST = 65504.0


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("half")
    (folder / "half.c").write_text(SOURCE)
    flags = ["-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{c_source('tsm_half.h').parent}"]
    sources = [folder / "half.c", c_source("tsm_sha256.c")]
    command = [sys.executable, "-m", "ziglang", "cc", *flags, *sources, "-o", folder / "half.so"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(folder / "half.so"))


@pytest.fixture(scope="module")
def to_floats(library):
    def convert(halves):
        floats = np.empty(halves.size, np.float32)
        library.to_floats(
            halves.ctypes.data_as(ctypes.c_void_p), floats.ctypes.data_as(ctypes.c_void_p), halves.size
        )
        return floats

    return convert


@pytest.fixture(scope="module")
def to_halves(library):
    def convert(floats):
        halves = np.empty(floats.size, np.uint16)
        library.to_halves(
            floats.ctypes.data_as(ctypes.c_void_p), halves.ctypes.data_as(ctypes.c_void_p), floats.size
        )
        return halves

    return convert


EVERY = np.arange(1 << 16, dtype=np.uint16)


def test_every_half_is_the_float_that_numpy_says(to_floats):
    expected = EVERY.view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(to_floats(EVERY), expected)
    np.testing.assert_array_equal(np.signbit(to_floats(EVERY)), np.signbit(expected))


def test_every_finite_half_comes_back(to_floats, to_halves):
    finite = EVERY[np.isfinite(EVERY.view(np.float16))]
    np.testing.assert_array_equal(to_halves(to_floats(finite)), finite)


def test_floats_round_to_nearest_even_and_stay_finite(to_halves):
    halves = np.sort(EVERY[np.isfinite(EVERY.view(np.float16))].view(np.float16).astype(np.float64))
    middles = ((halves[1:] + halves[:-1]) / 2).astype(np.float32)  # exact: one bit more than a half has
    near = [np.nextafter(middles, np.float32(-np.inf)), middles, np.nextafter(middles, np.float32(np.inf))]
    far = np.array([0, -0.0, 1e-30, -1e-30, 1e30, -1e30, 65519, 65520], np.float32)
    floats = np.concatenate([*near, far])
    expected = np.clip(floats, -LARGEST, LARGEST).astype(np.float16)
    np.testing.assert_array_equal(to_halves(floats), expected.view(np.uint16))


@given(st.binary(max_size=300), st.integers(0, 300))
def test_hash_is_hashlibs(library, data, first):
    hexadecimal = ctypes.create_string_buffer(65)
    library.hash(data, min(first, len(data)), len(data), hexadecimal)
    assert hexadecimal.value.decode() == hashlib.sha256(data).hexdigest()
