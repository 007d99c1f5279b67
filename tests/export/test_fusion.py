import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_reference import run_network
from small_graph import SmallGraph

from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.layers import Convolution, Dense, GlobalAveragePool, MaxPool, SaveShift, Shift

# Float64 sums against ONNX Runtime's in float32: errors follow the largest value.
TOLERANCE = 1e-5


@pytest.fixture
def graph():
    return SmallGraph()


@pytest.fixture
def fuse(graph, tmp_path):
    """Fused layers of the graph that returns these values, proved on random input."""

    def fuse_(*results):
        network = fuse_layers(graph.read(tmp_path, *results))
        check(graph, network)
        return network

    return fuse_


def check(graph, network):
    inputs = graph.inputs()
    values = run_network(network, inputs)
    logits, *buffers = graph.answer(inputs)
    assert_close(values[network.logits.name].ravel(), logits.ravel())
    for index, buffer in enumerate(buffers):
        assert_close(np.moveaxis(values[f"shift_buffer_{index}"], -1, 0), buffer[0])


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


def kinds(network):
    return [type(layer) for layer in network.layers]


# What `SmallGraph.tail` becomes.
TAIL = [Convolution, SaveShift, GlobalAveragePool, Dense]


def test_bias_and_relu_become_part_of_the_convolution(graph, fuse):
    x = graph.node("Relu", graph.conv("frame", 8, 3, strides=[2, 2]))
    network = fuse(*graph.tail(x))
    assert kinds(network) == [Convolution, *TAIL]
    conv = network.layers[0]
    assert (conv.activation, conv.stride, conv.padding, conv.groups) == ("relu", 2, 1, 1)
    assert conv.x == network.frame
    assert network.frame.planar
    assert conv.bias.any()


def test_clamp_becomes_relu6(graph, fuse):
    network = fuse(*graph.tail(graph.relu6(graph.conv("frame", 8))))
    assert [layer.activation for layer in network.layers[:1]] == ["relu6"]
    assert kinds(network) == [Convolution, *TAIL]


def test_convolution_without_bias_gets_zeros(graph, fuse):
    conv, *_ = fuse(*graph.tail(graph.conv("frame", 8, bias=False))).layers
    assert conv.bias.shape == (8,)
    assert not conv.bias.any()


def test_classifier_without_bias_gets_zeros(graph, fuse):
    shifted, kept = graph.shift(graph.conv("frame", 8), 1)
    pooled = graph.node("ReduceMean", graph.conv(shifted, 8), graph.constant(np.array([2, 3])), keepdims=0)
    *_, dense = fuse(graph.node("MatMul", pooled, graph.constant((8, 5))), kept).layers
    assert not dense.bias.any()


@pytest.mark.parametrize("own_side_first", [True, False])
def test_residual_and_the_activation_behind_it_are_fused(graph, fuse, own_side_first):
    x = graph.node("Relu", graph.conv("frame", 8))
    sides = [graph.conv(x, 8, 3), x]
    y = graph.node("Relu", graph.node("Add", *(sides if own_side_first else sides[::-1])))
    first, second, *_ = fuse(*graph.tail(y)).layers
    assert second.residual == second.x == first.out
    assert second.activation == "relu"


def test_residual_goes_to_the_later_of_two_convolutions(graph, fuse):
    x = graph.conv("frame", 8)
    shortcut = graph.conv(x, 16, strides=[2, 2])
    branch = graph.conv(x, 16, 3, strides=[2, 2])
    _, earlier, later, *_ = fuse(*graph.tail(graph.node("Add", shortcut, branch))).layers
    assert earlier.residual is None
    assert later.residual == earlier.out


def test_earlier_convolution_does_not_take_a_residual_that_is_not_ready(graph, fuse):
    x = graph.conv("frame", 8)
    early = graph.conv(x, 8)
    late = graph.conv(graph.node("Relu", graph.conv(x, 8)), 8)
    layers = fuse(*graph.tail(graph.node("Add", early, late))).layers
    (adding,) = (layer for layer in layers if isinstance(layer, Convolution) and layer.residual)
    made_before = [layer.out for layer in layers[: layers.index(adding)]]
    assert adding.residual in made_before


def test_value_that_two_use_is_kept(graph, fuse):
    x = graph.relu6(graph.conv("frame", 8))
    first = graph.node("Relu", graph.conv(x, 8))
    second = graph.node("Add", graph.conv(first, 8), x)
    stem, inner, outer, *_ = fuse(*graph.tail(second)).layers
    assert inner.x == outer.residual == stem.out


def test_shift_costs_no_layer_but_the_copy_behind_its_reader(graph, fuse):
    x = graph.node("Relu", graph.conv("frame", 16))
    shifted, kept = graph.shift(x, 2)
    y = graph.node("Add", graph.conv(shifted, 16), x)
    network = fuse(graph.head(y), kept)
    assert kinds(network) == [Convolution, Convolution, SaveShift, GlobalAveragePool, Dense]
    _, reader, saved, *_ = network.layers
    assert reader.shift == saved.shift == Shift(0, 2)
    assert reader.x == saved.x == reader.residual


def test_shift_buffer_that_two_read_is_saved_behind_both(graph, fuse):
    x = graph.node("Relu", graph.conv("frame", 16))
    shifted, kept = graph.shift(x, 2)
    y = graph.node("Add", graph.conv(shifted, 8), graph.conv(shifted, 8, 3))
    network = fuse(graph.head(y), kept)
    assert kinds(network) == [Convolution, Convolution, *TAIL]


def test_two_shifts_keep_their_own_buffers(graph, fuse):
    x = graph.node("Relu", graph.conv("frame", 16))
    shifted, first_kept = graph.shift(x, 2)
    y = graph.node("Add", graph.conv(shifted, 16), x)
    shifted, second_kept = graph.shift(y, 3)
    z = graph.node("Add", graph.conv(shifted, 16), y)
    layers = fuse(graph.head(z), first_kept, second_kept).layers
    assert [layer.shift for layer in layers if isinstance(layer, SaveShift)] == [Shift(0, 2), Shift(1, 3)]


def test_max_pool(graph, fuse):
    pooled = graph.node("MaxPool", graph.conv("frame", 8), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    _, layer, *_ = fuse(*graph.tail(pooled)).layers
    assert isinstance(layer, MaxPool)
    assert (layer.kernel, layer.stride, layer.padding) == (3, 2, 1)


def test_dead_code_is_left_out(graph, fuse):
    x = graph.conv("frame", 8)
    graph.conv(x, 8)
    assert kinds(fuse(*graph.tail(x))) == [Convolution, *TAIL]


@st.composite
def networks(draw):
    """Convolutions, activations, residuals and shifts one after another."""
    graph = SmallGraph()
    x = graph.relu6(graph.conv("frame", 8))
    shifted, saved = graph.shift(x, draw(st.integers(1, 7)))
    x, kept = graph.conv(shifted, 8), [saved]
    for _ in range(draw(st.integers(1, 5))):
        y = x
        if draw(st.booleans()):
            y, saved = graph.shift(x, draw(st.integers(1, 7)))
            kept.append(saved)
        groups = draw(st.sampled_from((1, 8))) if y is x else 1
        y = graph.conv(y, 8, draw(st.sampled_from((1, 3))), groups=groups, bias=draw(st.booleans()))
        if draw(st.booleans()):
            y = graph.node("Add", *draw(st.permutations([x, y])))
        x = draw(st.sampled_from((lambda y: y, graph.relu6, lambda y: graph.node("Relu", y))))(y)
    return graph, (graph.head(x), *kept)


@settings(max_examples=10)
@given(network=networks())
def test_fused_layers_answer_as_the_graph_does(tmp_path_factory, network):
    graph, results = network
    check(graph, fuse_layers(graph.read(tmp_path_factory.mktemp("graph"), *results)))


def test_mean_may_count_its_axes_from_the_end(graph, fuse):
    shifted, kept = graph.shift(graph.conv("frame", 8), 2)
    axes = graph.constant(np.array([-1, -2]))
    fuse(graph.conv(graph.node("ReduceMean", graph.conv(shifted, 8), axes, keepdims=1), 5), kept)
