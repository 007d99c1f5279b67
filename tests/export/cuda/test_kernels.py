"""Every rule's kernels on the CPU, against torch in float64: odd sizes, all epilogues, large values."""

import numpy as np
import pytest
from gpu_lab import ARITHMETICS, GpuLab
from layer_reference import reference
from random_layers import convolution, dense, depthwise, mean, pool, save_shift

from tsm_edge.export.cuda import convolution as convolution_rule
from tsm_edge.export.cuda.call import Context
from tsm_edge.export.layers import Shift
from tsm_edge.targets.gpu import JETSON_NANO_GPU

LAYERS = {
    "1x1": convolution(5, 9, 24, 40),
    "1x1, deep": convolution(3, 5, 264, 16),
    "1x1, deeper than a half sum": convolution(2, 3, 520, 24, residual=True),
    "1x1 relu6": convolution(7, 7, 32, 48, activation="relu6"),
    "1x1 relu": convolution(7, 6, 16, 24, activation="relu"),
    "1x1 added to": convolution(14, 14, 48, 16, residual=True),
    "1x1 shifted, whole vectors": convolution(7, 7, 64, 72, shift=8, activation="relu6"),
    "1x1 shifted, odd": convolution(6, 7, 24, 144, shift=3, activation="relu6"),
    "1x1 shifted, all epilogues": convolution(6, 7, 24, 24, shift=5, residual=True, activation="relu"),
    "1x1 of odd channels": convolution(5, 5, 13, 7, activation="relu6"),
    "1x1 of one pixel": convolution(1, 1, 40, 30),
    "1x1 of many pixels": convolution(37, 29, 8, 12),
    "1x1 of odd channels, shifted": convolution(5, 5, 13, 7, shift=2, residual=True),
    "stem": convolution(31, 29, 3, 16, kernel=3, stride=2, padding=1, planar=True, activation="relu6"),
    "stem 7x7": convolution(20, 18, 3, 8, kernel=7, stride=2, padding=3, planar=True, activation="relu"),
    "3x3": convolution(9, 7, 16, 24, kernel=3, padding=1, activation="relu"),
    "3x3/2": convolution(9, 8, 16, 20, kernel=3, stride=2, padding=1),
    "3x3 shifted": convolution(7, 6, 32, 16, kernel=3, padding=1, shift=8, residual=True),
    "3x3 shifted, odd": convolution(7, 6, 12, 10, kernel=3, padding=1, shift=3),
    "1x1/2": convolution(9, 8, 16, 24, stride=2),
    "depthwise": depthwise(9, 13, 40),
    "depthwise/2": depthwise(9, 14, 24, stride=2),
    "depthwise of 7x7": depthwise(7, 7, 64),
    "depthwise, no activation": depthwise(6, 5, 16, activation="none"),
    "depthwise 5x5, no padding": depthwise(9, 8, 8, kernel=5, padding=0, activation="relu"),
    "depthwise, one row": depthwise(1, 9, 16),
    "max": pool(9, 8, 12, 3, 2, 1),
    "mean": mean(7, 7, 40),
    "mean of many": mean(15, 13, 20),
    "dense": dense(70, 27),
}
# What halves cannot do two by two.
ODD_DEPTHWISE = {"depthwise of odd channels": depthwise(6, 7, 5)}


@pytest.fixture(scope="module", params=ARITHMETICS)
def lab(request, tmp_path_factory):
    layers = LAYERS if request.param == "fp16" else LAYERS | ODD_DEPTHWISE
    return GpuLab.compile(layers, request.param, tmp_path_factory.mktemp("gpu"))


def test_kernels_compute_their_layers(lab):
    for name in lab.layers:
        lab.check(name)


@pytest.mark.parametrize("seed", [1, 2])
def test_large_values(lab, seed):
    scale = 1e6 if lab.context.arithmetic.kind == "float" else 30.0
    for name in lab.layers:
        lab.check(name, scale=scale, seed=seed)


def test_half_sums_keep_to_their_range(lab):
    """relu6 saturates where a sum leaves it, on both sides."""
    layer = lab.layers["1x1 relu6"]
    inputs = lab.inputs(layer, 50.0, 3)
    (found,) = lab.run("1x1 relu6", inputs)
    assert found.min() == 0.0
    assert found.max() == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize("precision", ARITHMETICS)
def test_shift_buffers_are_renewed_beside_other_work(precision, tmp_path):
    save = save_shift(6, 7, 24, 3)
    layers = {"depthwise": depthwise(3, 4, 16), "dense": dense(40, 5), "alone": save}
    saves = {name: [save] for name in ("depthwise", "dense")}
    lab = GpuLab.compile(layers, precision, tmp_path, saves=saves)
    kept = lab.inputs(save, 1.0, 5)
    for name in saves:
        inputs = lab.inputs(lab.layers[name], 1.0, 7)
        # The saved tensor has a name of its own: random_layers calls every input x.
        y, state = _run_with_kept(lab, name, inputs, kept["x"])
        lab.compare(name, y, *reference(lab.layers[name], inputs))
        np.testing.assert_array_equal(state, kept["x"][..., :3].ravel())
    (state,) = lab.run("alone", kept)
    np.testing.assert_array_equal(state, kept["x"][..., :3].ravel())


def _run_with_kept(lab, name, inputs, kept):
    call = lab.calls[name]
    buffers = [lab.buffer(operand, inputs) for operand in call.operands[:-2]]
    buffers += [lab.buffer(call.operands[-2], {"x": kept}), lab.buffer(call.operands[-1], {})]
    return lab.launched(name, buffers, results=(-3, -1))


@pytest.mark.parametrize("precision", ARITHMETICS)
def test_mean_joins_its_convolution(precision, tmp_path):
    layer = convolution(7, 7, 48, 104, activation="relu6")
    means = mean(7, 7, 104)
    assert not convolution_rule.pools(layer, means), "another tensor"
    means = type(means)(layer.out, means.out)
    assert convolution_rule.pools(layer, means)
    context = Context(JETSON_NANO_GPU, ARITHMETICS[precision], "logits")
    call = convolution_rule.lower_pooled(layer, means, context)
    lab = GpuLab.of_calls({"pooled": layer}, {"pooled": call}, context, tmp_path)
    inputs = lab.inputs(layer, 1.0, 2)
    expected, magnitude = reference(layer, inputs)
    lab.compare("pooled", lab.run("pooled", inputs)[0], expected.mean((0, 1)), magnitude)


def test_shift_reads_the_buffer_and_not_the_frame(lab):
    layer = lab.layers["1x1 shifted, odd"]
    assert layer.shift == Shift(0, 3)
    inputs = lab.inputs(layer, 1.0, 4)
    spoiled = {**inputs, "x": inputs["x"].copy()}
    spoiled["x"][..., :3] = np.nan
    np.testing.assert_array_equal(*(lab.run("1x1 shifted, odd", each)[0] for each in (inputs, spoiled)))
