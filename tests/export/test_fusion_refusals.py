"""Graphs that no list of layers stands for: each is named in one line instead of computed wrongly."""

import numpy as np
import pytest
from small_graph import SmallGraph

from tsm_edge.errors import CompileError
from tsm_edge.export.fusion import fuse_layers


@pytest.fixture
def graph():
    return SmallGraph()


@pytest.fixture
def refuse(graph, tmp_path):
    """The one line by which a graph that returns these values is refused."""

    def refuse_(*results):
        with pytest.raises(CompileError) as refused:
            fuse_layers(graph.read(tmp_path, *results))
        assert "\n" not in str(refused.value)
        return str(refused.value)

    return refuse_


def test_activation_of_a_value_that_others_use_is_no_activation_of_its_convolution(graph, refuse):
    raw = graph.conv("frame", 8)
    y = graph.node("Add", graph.conv(graph.node("Relu", raw), 8), raw)
    assert "nn.relu" in refuse(*graph.tail(y))


def test_value_added_to_itself_is_no_residual(graph, refuse):
    raw = graph.conv("frame", 8)
    assert "add" in refuse(*graph.tail(graph.node("Add", raw, raw)))


def test_vector_along_the_width_is_no_bias(graph, refuse):
    raw = graph.conv("frame", 8, bias=False)
    assert "add" in refuse(*graph.tail(graph.node("Add", raw, graph.constant((8,)))))


@pytest.mark.parametrize("bounds", [(0.0, 5.0), (-1.0, 6.0), (1.0, 6.0)])
def test_other_clamps_are_no_relu6(graph, refuse, bounds):
    assert "no layer stands for" in refuse(*graph.tail(graph.relu6(graph.conv("frame", 8), *bounds)))


def test_clamp_by_channel_is_no_relu6(graph, refuse):
    clamped = graph.node("Max", graph.conv("frame", 8), graph.constant((1, 8, 1, 1)))
    assert "no layer stands for" in refuse(*graph.tail(clamped))


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [1, 2]},
        {"pads": [0, 0, 1, 1]},
        {"pads": [0, 1, 0, 1]},
        {"dilations": [2, 2]},
        {"dilations": [1, 2]},
    ],
    ids=str,
)
def test_uneven_windows_are_named(graph, refuse, attributes):
    (attribute,) = attributes
    said = refuse(*graph.tail(graph.conv("frame", 8, 3, **attributes)))
    assert {"strides": "strides", "pads": "padding", "dilations": "dilat"}[attribute] in said


@pytest.mark.parametrize(
    "attributes",
    [{"strides": [1, 2]}, {"pads": [0, 0, 1, 1]}, {"dilations": [2, 2]}, {"ceil_mode": 1, "strides": [2, 2]}],
    ids=str,
)
def test_max_pools_that_no_kernel_computes_are_refused(graph, refuse, attributes):
    x = graph.conv("frame", 8)
    refuse(*graph.tail(graph.node("MaxPool", x, kernel_shape=[3, 3], **attributes)))


@pytest.mark.parametrize("op", ["Sigmoid", "HardSwish", "Tanh", "Exp", "Erf", "Neg", "Softmax"])
def test_unknown_operators_are_named(graph, refuse, op):
    said = refuse(*graph.tail(graph.node(op, graph.conv("frame", 8))))
    assert "no layer stands for the operator" in said


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("AveragePool", {"kernel_shape": [2, 2]}),
        ("LeakyRelu", {}),
        ("Transpose", {"perm": [0, 1, 3, 2]}),
        ("InstanceNormalization", {}),
        ("PRelu", {}),
        ("Mul", {}),
        ("Resize", {}),
        ("Pad", {}),
        ("ConvTranspose", {}),
    ],
)
def test_operators_with_parameters_are_named(graph, refuse, op, attributes):
    more = {
        "InstanceNormalization": [graph.constant((8,)), graph.constant((8,))],
        "PRelu": [graph.constant((8, 1, 1))],
        "Mul": [graph.constant((8, 1, 1))],
        "Resize": ["", graph.constant(np.array([1, 1, 2, 2], np.float32))],
        "Pad": [graph.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1]))],
        "ConvTranspose": [graph.constant((8, 8, 2, 2))],
    }
    assert "no layer stands for the operator" in refuse(
        *graph.tail(graph.node(op, graph.conv("frame", 8), *more.get(op, []), **attributes))
    )


@pytest.mark.parametrize(("axes", "channels"), [([1, 2], 1), ([1], 1), ([2], 8), ([1, 2, 3], 1)], ids=str)
def test_mean_over_other_axes_is_refused(graph, refuse, axes, channels):
    shifted, kept = graph.shift(graph.conv("frame", 8), 2)
    x, axes = graph.conv(shifted, 8), graph.constant(np.array(axes))
    pooled = graph.node("ReduceMean", x, axes, keepdims=1, channels=channels)
    assert "mean over something else" in refuse(graph.conv(pooled, 8), kept)


def test_mean_over_everything_is_refused(graph, refuse):
    shifted, kept = graph.shift(graph.conv("frame", 8), 2)
    assert "mean over something else" in refuse(graph.node("ReduceMean", graph.conv(shifted, 8)), kept)


def test_product_with_a_picture_is_no_classifier(graph, refuse):
    shifted, kept = graph.shift(graph.conv("frame", 8), 2)
    product = graph.node("MatMul", graph.conv(shifted, 8), graph.constant((8, 8)))
    assert "matmul" in refuse(graph.head(product), kept)


def test_lost_shift_is_noticed(graph, refuse):
    x = graph.conv("frame", 16)
    graph.buffer(2)
    y = graph.conv(x, 16)
    assert "shift buffer 0 is never read" in refuse(graph.head(y), graph.cut(x, 0, 2))


@pytest.mark.parametrize(("begin", "end", "step"), [(1, 3, 1), (0, 4, 2), (14, 16, 1)])
def test_other_channels_than_the_first_are_not_kept(graph, refuse, begin, end, step):
    x = graph.conv("frame", 16)
    shifted, _ = graph.shift(x, 2)
    logits = graph.head(graph.conv(shifted, 16))
    assert "no slice of a frame's first channels" in refuse(logits, graph.cut(x, begin, end, step=step))


def test_kept_buffer_of_another_axis_is_refused(graph, refuse):
    x = graph.conv("frame", 16)
    shifted, _ = graph.shift(x, 2)
    assert "not along the channels" in refuse(graph.head(graph.conv(shifted, 16)), graph.cut(x, 0, 2, axis=2))


def test_state_that_is_handed_through_is_refused(graph, refuse):
    x = graph.conv("frame", 16)
    shifted, _ = graph.shift(x, 2)
    refuse(graph.head(graph.conv(shifted, 16)), graph.node("Identity", "shift_buffer_0"))


def test_buffer_behind_the_rest_is_no_shift(graph, refuse):
    x = graph.conv("frame", 16)
    joined = graph.join(graph.cut(x, 2, 16), graph.buffer(2))
    assert "joins something else" in refuse(graph.head(graph.conv(joined, 16)), graph.cut(x, 0, 2))


@pytest.mark.parametrize(("begin", "end", "step"), [(1, 15, 1), (4, 16, 1), (2, 16, 2)])
def test_rest_of_other_channels_is_no_shift(graph, refuse, begin, end, step):
    x = graph.conv("frame", 16)
    joined = graph.join(graph.buffer(2), graph.cut(x, begin, end, step=step))
    assert "joins something else" in refuse(graph.head(graph.conv(joined, 16)), graph.cut(x, 0, 2))


def test_two_frames_values_joined_are_no_shift(graph, refuse):
    x, y = graph.conv("frame", 8), graph.conv("frame", 8)
    assert "joins something else" in refuse(*graph.tail(graph.conv(graph.join(x, y), 8)))


def test_three_values_joined_are_no_shift(graph, refuse):
    x = graph.conv("frame", 16)
    joined = graph.join(graph.buffer(2), graph.cut(x, 2, 8), graph.cut(x, 8, 16))
    assert "joins something else" in refuse(graph.head(graph.conv(joined, 16)), graph.cut(x, 0, 2))


def test_shifted_value_outside_a_convolution_is_refused(graph, refuse):
    x = graph.conv("frame", 16)
    shifted, kept = graph.shift(x, 2)
    assert "used by something else" in refuse(graph.head(shifted), kept)


def test_slice_for_something_else_is_refused(graph, refuse):
    x = graph.conv("frame", 16)
    assert "used by something else" in refuse(*graph.tail(graph.conv(graph.cut(x, 0, 8), 8)))


def test_buffer_as_a_picture_is_refused(graph, refuse):
    x = graph.conv("frame", 16)
    shifted, kept = graph.shift(x, 2)
    y = graph.node("Add", graph.conv(shifted, 8), graph.conv("shift_buffer_0", 8))
    refuse(graph.head(y), kept)


def test_buffer_as_a_residual_is_refused(graph, refuse):
    x = graph.conv("frame", 16)
    shifted, kept = graph.shift(x, 2)
    refuse(graph.head(graph.node("Add", graph.conv(shifted, 2), "shift_buffer_0")), kept)


def test_frame_as_a_residual_is_refused(graph, refuse):
    refuse(*graph.tail(graph.node("Add", graph.conv("frame", 3), "frame")))
