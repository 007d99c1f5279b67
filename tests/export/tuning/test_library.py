"""Libraries that measure their own kernels, loaded here; cross targets' are looked at."""

import ctypes

import pytest
from elftools.elf.elffile import ELFFile
from random_layers import convolution, inverted_residual

from tsm_edge.export.kernels.call import write_call
from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.rules import lower_layer
from tsm_edge.export.kernels.tiling import rank_tiles
from tsm_edge.export.tuning.layer_tiles import asked_tiles, lower_with
from tsm_edge.export.tuning.library import write_tuning_library
from tsm_edge.targets import TARGETS, host_target

HOST = host_target()
MACHINE = machine_of(HOST)
SIZE = 64


def copy(symbol, body):
    """A kernel that should write x to y."""
    x, y = convolution(1, 1, SIZE, SIZE).x, convolution(1, 1, SIZE, SIZE).out
    operands = {"x": x, "y": y}
    return write_call(rule="copy", symbol=symbol, layer="copy", operands=operands, units=1, flop=1, body=body)


def value(e, i):
    return e["x"][i]


def right(e):
    with e.units(), e.loop(SIZE) as i:
        e.store(e["y"], i, value(e, i), 1)


def wrong(e):
    with e.units(), e.loop(SIZE) as i:
        e.store(e["y"], i, value(e, i) * 1.001, 1)


def incomplete(e):
    with e.units(), e.loop(SIZE - 1) as i:
        e.store(e["y"], i, value(e, i), 1)


def too_far(e):
    with e.units(), e.loop(SIZE + 1) as i:
        e.store(e["y"], i, e.maximum(value(e, i % SIZE), -9.0), 1)


def altering(e):
    right(e)
    e.store(e["x"], 0, e.constant(0.0, 1), 1)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    path = tmp_path_factory.mktemp("tune") / "candidates.so"
    bodies = (right, wrong, incomplete, too_far, altering)
    write_tuning_library([copy(body.__name__, body) for body in bodies], HOST, path)
    return load(path)


def load(path):
    library = ctypes.CDLL(str(path))
    library.tsm_tune_difference.restype = library.tsm_tune_sample.restype = ctypes.c_double
    return library


def test_result_that_is_right_is_told_from_one_that_is_not(copies):
    assert copies.tsm_tune_difference(0) == 0
    assert copies.tsm_tune_difference(1) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(
    "candidate", [2, 3, 4, 5, -1], ids=["incomplete", "too far", "altering", "none", "none"]
)
def test_kernel_that_misbehaves_is_wrong_beyond_any_tolerance(copies, candidate):
    assert copies.tsm_tune_difference(candidate) == 1e30


def test_sample_is_a_time_also_after_the_memory_was_given_back(copies):
    assert copies.tsm_tune_sample(0, 5) > 0
    copies.tsm_tune_release()
    assert copies.tsm_tune_sample(0, 5000) > 0
    assert copies.tsm_tune_sample(9, 1) < 0


LAYERS = {
    "shifted": convolution(7, 7, 16, 96, shift=2, activation="relu6"),
    "added": convolution(7, 7, 96, 48, residual=True),
    "3x3": convolution(9, 7, 16, 48, kernel=3, padding=1, activation="relu"),
    "planar": convolution(16, 16, 3, 32, kernel=3, stride=2, padding=1, planar=True),
    "block": inverted_residual(14, 14, 16, 96, 48, stride=2, shift=2),
    "block with residual": inverted_residual(8, 8, 24, 144, 24, residual=True),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_every_tile_of_a_rule_computes_the_same(layer, tmp_path):
    _, own = asked_tiles(layer, MACHINE)
    tiles = [own]
    for question in own:
        ranked = rank_tiles(question, MACHINE)
        tiles += [{**own, question: tile} for tile in (ranked[1], ranked[len(ranked) // 2], ranked[-1])]
    calls = {call.kernel.name: call for call in (lower_with(layer, MACHINE, choice) for choice in tiles)}
    write_tuning_library(list(calls.values()), HOST, tmp_path / "candidates.so")
    library = load(tmp_path / "candidates.so")
    assert [library.tsm_tune_difference(index) <= 1e-5 for index in range(len(calls))] == [True] * len(calls)


@pytest.mark.parametrize("name", ["jetson-nano", "android-arm64"])
def test_board_finds_what_it_calls_and_nothing_else(name, tmp_path):
    target = TARGETS[name]
    call = lower_layer(LAYERS["shifted"], machine_of(target))
    write_tuning_library([call], target, tmp_path / "candidates.so")
    with (tmp_path / "candidates.so").open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".dynsym").iter_symbols()
        shown = {symbol.name for symbol in symbols if symbol.entry.st_shndx != "SHN_UNDEF"}
    plain = {"tsm_tune_difference", "tsm_tune_sample", "tsm_tune_release"}
    assert shown - {""} == plain | {"__tvm_ffi_tsm_tune_difference", "__tvm_ffi_tsm_tune_sample"}
