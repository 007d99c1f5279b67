import re
from dataclasses import replace

import pytest
import tvm
from kernel_lab import MACHINES
from random_layers import convolution, dense, inverted_residual, mean, pool, save_shift

from tsm_edge.errors import CompileError
from tsm_edge.export.kernels.rules import RULES, lower_layer
from tsm_edge.export.layers import Tensor

DEPTHWISE = convolution(5, 9, 24, 24, kernel=3, padding=1, groups=24)
GROUPED = convolution(5, 9, 24, 24, kernel=3, padding=1, groups=3)
POINTWISE = convolution(5, 9, 24, 24)
FULL = convolution(5, 9, 24, 24, kernel=3, padding=1)

BLOCK = inverted_residual(6, 6, 16, 48, 16)


def stem_block(*, padding, activation="relu6"):
    stem = convolution(9, 9, 3, 8, kernel=3, stride=2, padding=padding, planar=True, activation=activation)
    return inverted_residual(9, 9, 3, 8, 8, expand=stem)


# Layers that differ from the first of their row in one thing alone.
NEIGHBOURS = (
    (
        POINTWISE,
        convolution(5, 9, 24, 24, activation="relu"),
        convolution(5, 9, 24, 24, activation="relu6"),
        convolution(5, 9, 24, 24, residual=True),
        convolution(5, 9, 24, 24, shift=3),
        convolution(5, 9, 24, 24, shift=2),
        convolution(5, 9, 20, 24),
        convolution(5, 9, 24, 20),
        convolution(9, 5, 24, 24),
        convolution(5, 8, 24, 24),
        convolution(5, 9, 24, 24, stride=2),
        convolution(5, 9, 24, 24, padding=1),
    ),
    (
        DEPTHWISE,
        convolution(9, 5, 24, 24, kernel=3, padding=1, groups=24),
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=24, activation="relu"),
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=24, activation="relu6"),
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=24, stride=2),
        convolution(5, 9, 24, 24, kernel=3, padding=2, groups=24),
        convolution(5, 9, 24, 24, kernel=5, padding=1, groups=24),
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=24, residual=True),
    ),
    (
        FULL,
        convolution(5, 9, 24, 24, kernel=3, padding=1, planar=True),
        convolution(5, 9, 24, 24, kernel=3, padding=1, shift=3),
        convolution(5, 9, 24, 24, kernel=3, padding=1, residual=True),
        convolution(5, 9, 24, 24, kernel=3, padding=1, activation="relu"),
        convolution(5, 9, 24, 24, kernel=3, padding=2),
        convolution(5, 9, 24, 24, kernel=3, padding=1, stride=2),
        convolution(5, 9, 24, 24, kernel=1, padding=1),
    ),
    (
        GROUPED,
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=2),
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=3, residual=True),
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=3, activation="relu"),
        convolution(5, 9, 24, 24, kernel=(3, 1), padding=1, groups=3),
        convolution(5, 9, 24, 24, kernel=(1, 3), padding=1, groups=3),
    ),
    (
        BLOCK,
        inverted_residual(6, 6, 16, 48, 16, activation="relu"),
        inverted_residual(6, 6, 16, 48, 16, activation="none"),
        inverted_residual(6, 6, 16, 48, 16, residual=True),
        inverted_residual(6, 6, 16, 48, 16, shift=2),
        inverted_residual(6, 6, 16, 48, 16, stride=2),
        inverted_residual(6, 6, 16, 48, 24),
        replace(BLOCK, depthwise=replace(BLOCK.depthwise, activation="none")),
        replace(BLOCK, project=replace(BLOCK.project, activation="relu")),
        replace(BLOCK, project=replace(BLOCK.project, residual=Tensor("z", 6, 6, 16))),
        stem_block(padding=1),
        stem_block(padding=2),
        stem_block(padding=1, activation="relu"),
    ),
    (pool(8, 8, 16, 3, 2, 1), pool(8, 8, 16, 3, 2, 0), pool(8, 8, 16, 3, 1, 1), pool(8, 8, 16, 2, 2, 1)),
    (mean(5, 9, 24), mean(9, 5, 24), mean(5, 9, 20)),
    (save_shift(5, 9, 24, 3), save_shift(5, 9, 24, 2), save_shift(9, 5, 24, 3), save_shift(5, 9, 20, 3)),
    (dense(24, 27), dense(24, 28), dense(27, 24)),
)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize("layers", NEIGHBOURS, ids=lambda layers: type(layers[0]).__name__)
def test_calls_of_one_name_share_the_same_code(layers, machine):
    kernels: dict[str, object] = {}
    for layer in layers:
        kernel = lower_layer(layer, machine).kernel
        first = kernels.setdefault(kernel.name, kernel.function)
        tvm.ir.assert_structural_equal(first, kernel.function)
    assert len(kernels) > 1


@pytest.mark.parametrize("layers", NEIGHBOURS, ids=lambda layers: type(layers[0]).__name__)
def test_names_are_symbols_of_c(layers):
    for layer in layers:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", lower_layer(layer, MACHINES["host"]).kernel.name)


def test_same_layer_twice_is_one_kernel():
    one, other = (lower_layer(POINTWISE, MACHINES["neon"]).kernel for _ in range(2))
    assert one.name == other.name
    tvm.ir.assert_structural_equal(one.function, other.function)


def test_first_rule_that_covers_a_layer_writes_it():
    for layer in (layer for layers in NEIGHBOURS for layer in layers):
        rule = next(rule for rule in RULES if rule.covers(layer))
        assert lower_layer(layer, MACHINES["host"]).rule == rule.name


@pytest.mark.parametrize(
    "layer",
    [
        convolution(5, 9, 3, 3, kernel=3, padding=1, groups=3, planar=True),
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=3, shift=3),
        convolution(5, 9, 3, 24, kernel=3, padding=1, shift=1, planar=True),
        replace(pool(8, 8, 3, 3, 2, 1), x=Tensor("frame", 8, 8, 3, planar=True)),
        replace(mean(8, 8, 3), x=Tensor("frame", 8, 8, 3, planar=True)),
        replace(save_shift(8, 8, 8, 1), x=Tensor("frame", 8, 8, 8, planar=True)),
    ],
    ids=[
        "planar depthwise",
        "shift into groups",
        "shift of the frame",
        "pooled frame",
        "frame's mean",
        "kept frame",
    ],
)
def test_layer_that_no_rule_covers_is_named_in_one_line(layer):
    with pytest.raises(CompileError, match="no kernel rule covers") as refused:
        lower_layer(layer, MACHINES["host"])
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
