from dataclasses import replace

import numpy as np
import pytest
from random_layers import convolution, inverted_residual, mean

from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.rules import lower_layer
from tsm_edge.export.kernels.tiling import rank_tiles
from tsm_edge.export.layers import Tensor
from tsm_edge.export.tuning.layer_tiles import asked_tiles, layer_key, lower_with, tile_texts
from tsm_edge.targets import TARGETS

NEON = machine_of(TARGETS["jetson-nano"])

LAYERS = {
    "pointwise": (convolution(8, 8, 16, 32), 1),
    "convolution": (convolution(8, 8, 16, 32, kernel=3, padding=1), 1),
    "block": (inverted_residual(8, 8, 16, 96, 24), 2),
    "mean": (mean(8, 8, 16), 0),
}


@pytest.mark.parametrize(("layer", "count"), LAYERS.values(), ids=LAYERS)
def test_asking_changes_nothing_and_finds_what_the_rule_would_choose(layer, count):
    call, tiles = asked_tiles(layer, NEON)
    assert len(tiles) == count
    assert call.kernel.name == lower_layer(layer, NEON).kernel.name
    assert lower_with(layer, NEON, tiles).kernel.name == call.kernel.name


def test_other_tiles_make_another_kernel():
    layer, _ = LAYERS["block"]
    call, tiles = asked_tiles(layer, NEON)
    names = {call.kernel.name}
    for question in tiles:
        other = rank_tiles(question, NEON)[1]
        names.add(lower_with(layer, NEON, {**tiles, question: other}).kernel.name)
    assert len(names) == 3


def test_key_knows_nothing_of_names_and_weights():
    layer = convolution(8, 8, 16, 32, shift=2, residual=True)
    twin = replace(layer, x=replace(layer.x, name="other"), weight=np.zeros_like(layer.weight))
    assert layer_key(twin) == layer_key(layer)


def test_layers_that_differ_in_anything_else_have_other_keys():
    different = [
        convolution(8, 8, 16, 32),
        convolution(8, 8, 16, 32, shift=2),
        convolution(8, 8, 16, 32, residual=True),
        convolution(8, 8, 16, 32, activation="relu"),
        convolution(8, 8, 16, 32, kernel=3, padding=1),
        convolution(8, 8, 16, 32, kernel=3, padding=1, stride=2),
        convolution(8, 8, 16, 32, planar=True),
        convolution(8, 4, 16, 32),
        inverted_residual(8, 8, 16, 96, 16),
        inverted_residual(8, 8, 16, 96, 16, residual=True),
        inverted_residual(8, 8, 16, 96, 16, stride=2),
    ]
    block = inverted_residual(8, 8, 16, 96, 16, residual=True)
    elsewhere = replace(block, project=replace(block.project, residual=Tensor("z", 8, 8, 16)))
    keys = [layer_key(layer) for layer in (*different, elsewhere)]
    assert len(set(keys)) == len(keys)


def test_tiles_are_shown_as_they_are_used():
    _, tiles = asked_tiles(convolution(1, 2, 16, 32), NEON)
    assert tile_texts(tiles)[0].startswith("2x")
