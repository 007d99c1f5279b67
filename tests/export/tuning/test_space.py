from itertools import pairwise

import pytest

from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.tiling import rank_tiles, split_evenly
from tsm_edge.export.plan import fuse_for, plan_network
from tsm_edge.export.tuning.layer_tiles import layer_key
from tsm_edge.export.tuning.space import tunable_layers
from tsm_edge.targets import TARGETS

NEON = TARGETS["jetson-nano"]


@pytest.fixture(scope="module")
def tunables(small_layers):
    return tunable_layers(small_layers, NEON)


def test_each_kind_of_layer_is_there_once_the_most_work_first(tunables, small_layers):
    keys = [layer_key(layer) for layer in fuse_for(NEON, small_layers).layers]
    assert len({tunable.key for tunable in tunables}) == len(tunables)
    assert all(keys.count(tunable.key) == tunable.count for tunable in tunables)
    assert all(first.flop >= second.flop for first, second in pairwise(tunables))


def test_kernels_are_those_of_the_plan(tunables, small_layers):
    planned = {call.kernel.name for call in plan_network(small_layers, NEON).calls}
    assert {tunable.call.kernel.name for tunable in tunables} <= planned
    assert {"inverted-residual", "convolution"} <= {tunable.call.rule for tunable in tunables}


def test_candidates_are_other_code_than_the_rules_and_than_each_other(tunables):
    machine = machine_of(NEON)
    for tunable in tunables:
        for question, own in tunable.tiles.items():
            tiles = [own, *tunable.candidates(question, machine)]
            codes = {(split_evenly(question.pixels, tile.pixels), tile.vector_lanes) for tile in tiles}
            assert len(codes) == len(tiles)
            assert set(tiles) <= set(rank_tiles(question, machine))
