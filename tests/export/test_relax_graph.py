import numpy as np
import pytest
from small_graph import SmallGraph

from tsm_edge.errors import CompileError
from tsm_edge.export.relax_graph import Node


@pytest.fixture
def graph():
    return SmallGraph()


def test_inputs_and_results_keep_their_order(graph, tmp_path):
    x = graph.conv("frame", 16)
    shifted, first = graph.shift(x, 2)
    y = graph.conv(shifted, 8)
    shifted, second = graph.shift(y, 3)
    read = graph.read(tmp_path, graph.head(graph.conv(shifted, 8)), first, second)
    assert [node.name for node in read.inputs] == ["frame", "shift_buffer_0", "shift_buffer_1"]
    assert [node.shape for node in read.results] == [(1, 5), (1, 2, 8, 8), (1, 3, 8, 8)]
    assert all(node.is_result for node in read.results)


def test_nodes_stand_behind_what_they_use(graph, tmp_path):
    x = graph.relu6(graph.conv("frame", 8, 3))
    read = graph.read(tmp_path, *graph.tail(graph.node("Add", graph.conv(x, 8), x)))
    for position, node in enumerate(read.nodes):
        assert node.index == position
        for operand in node.inputs:
            if isinstance(operand, Node):
                assert operand.index < node.index
                assert node in operand.consumers


def test_only_consumer(graph, tmp_path):
    x = graph.conv("frame", 8, bias=False)
    read = graph.read(tmp_path, *graph.tail(graph.node("Add", graph.node("Relu", x), x)))
    conv, relu, *_ = [node for node in read.nodes if node.op != "input"]
    assert (conv.op, relu.op) == ("nn.conv2d", "nn.relu")
    assert conv.only_consumer is None
    assert relu.only_consumer is not None
    assert relu.only_consumer.op == "add"
    (logits, *_) = read.results
    assert logits.only_consumer is None


def test_what_depends_on_constants_alone_is_computed(graph, tmp_path):
    x = graph.conv("frame", 8)
    weights = graph.constant((8, 5))
    shifted, kept = graph.shift(x, 2)
    pooled = graph.node("ReduceMean", graph.conv(shifted, 8), graph.constant(np.array([2, 3])), keepdims=0)
    turned = graph.node("Reshape", graph.node("Transpose", weights), graph.constant(np.array([5, 8])))
    read = graph.read(tmp_path, graph.node("Gemm", pooled, turned, transB=1), kept)
    assert {node.op for node in read.nodes} <= {
        "input",
        "nn.conv2d",
        "add",
        "concat",
        "strided_slice",
        "mean",
        "matmul",
    }
    matmul = next(node for node in read.nodes if node.op == "matmul")
    np.testing.assert_array_equal(matmul.constant(1), graph.value_of(weights))


def test_clamps_of_weights_are_computed_and_those_of_values_are_kept(graph, tmp_path):
    read = graph.read(tmp_path, *graph.tail(graph.relu6(graph.conv("frame", 8))))
    clamps = [node for node in read.nodes if node.op in ("maximum", "minimum")]
    assert [(node.op, float(node.constant(1))) for node in clamps] == [("maximum", 0.0), ("minimum", 6.0)]


def test_operands_of_the_wrong_kind_are_named(graph, tmp_path):
    read = graph.read(tmp_path, *graph.tail(graph.conv("frame", 8)))
    conv = next(node for node in read.nodes if node.op == "nn.conv2d")
    with pytest.raises(CompileError, match=r"expects constant weights, got input \(frame\)"):
        conv.constant(0)
    with pytest.raises(CompileError, match="conv2d of a constant"):
        conv.node(1)


def test_convolution_with_computed_weights_is_read_and_its_weights_are_no_constant(graph, tmp_path):
    x = graph.conv("frame", 8)
    kernel = graph.cut(x, 0, 8)
    read = graph.read(tmp_path, graph.node("Conv", x, kernel), graph.tail(x)[1])
    conv = [node for node in read.nodes if node.op == "nn.conv2d"][1]
    assert not conv.is_constant(1)


def test_results_that_do_not_depend_on_the_input_are_refused(graph, tmp_path):
    constant = graph.node("Transpose", graph.constant((1, 5)))
    with pytest.raises(CompileError, match="result of the model is a constant"):
        graph.read(tmp_path, constant, graph.tail(graph.conv("frame", 8))[1])


def test_model_without_state_is_refused(graph, tmp_path):
    with pytest.raises(CompileError, match="does not return logits and shift buffers"):
        graph.read(tmp_path, graph.head(graph.conv("frame", 8)))
