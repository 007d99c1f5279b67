import copy

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tsm_edge.errors import ExportError
from tsm_edge.export.onnx_checks import check_onnx


@pytest.fixture(scope="module")
def good(onnx_path):
    return onnx.load(onnx_path)


@pytest.fixture
def proto(good):
    return copy.deepcopy(good)


def node_that(proto, *, reads=None, writes=None):
    (node,) = (n for n in proto.graph.node if reads in n.input or writes in n.output)
    return node


def add_constant(proto, name, array):
    proto.graph.initializer.append(numpy_helper.from_array(array, name))
    return name


def test_good_graph_passes_and_reports_what_it_measured(good, mobilenet):
    check = check_onnx(good, mobilenet.streaming())
    assert check.num_frames == 16
    assert 0 < check.max_relative_error <= 1e-5
    assert check.least_influence > 0.01


@pytest.mark.parametrize("number", [0, 4, 9])
def test_shift_folded_to_a_constant_is_caught(proto, mobilenet, number):
    """Zeros are right for the first frame alone."""
    zeros = np.zeros(mobilenet.spec.state.shapes[number], np.float32)
    concat = node_that(proto, reads=f"shift_buffer_{number}")
    concat.input[0] = add_constant(proto, "zeros", zeros)
    with pytest.raises(ExportError, match=f"shift_buffer_{number} does not influence the logits"):
        check_onnx(proto, mobilenet.streaming())


def test_input_that_reaches_nothing_is_caught_where_values_agree(proto, mobilenet):
    """In a network that gives a buffer no weight: comparing with torch cannot see that."""
    silent = copy.deepcopy(mobilenet)
    num_shifted = mobilenet.spec.state.shapes[0][1]
    weight = silent.backbone.get_parameter("features.3.conv.0.weight")
    weight.data[:, :num_shifted] = 0
    name = "backbone.features.3.conv.0.weight"
    (tensor,) = (t for t in proto.graph.initializer if t.name == name)
    folded = numpy_helper.to_array(tensor).copy()
    folded[:, :num_shifted] = 0
    tensor.CopyFrom(numpy_helper.from_array(folded, name))
    with pytest.raises(ExportError, match="shift_buffer_0 does not influence the logits"):
        check_onnx(proto, silent.streaming())


def test_slice_of_other_channels_is_caught(proto, mobilenet):
    node = node_that(proto, writes="next_shift_buffer_2")
    num_shifted = mobilenet.spec.state.shapes[2][1]
    node.input[1] = add_constant(proto, "starts", np.array([1]))
    node.input[2] = add_constant(proto, "ends", np.array([1 + num_shifted]))
    with pytest.raises(ExportError, match="next_shift_buffer_2 is not the slice it should be: on frame 0"):
        check_onnx(proto, mobilenet.streaming())


def test_state_taken_behind_the_shift_is_caught(proto, mobilenet):
    """The channels already shifted, in place of the frame's own: the state would never change."""
    slice_node = node_that(proto, writes="next_shift_buffer_1")
    concat = node_that(proto, reads="shift_buffer_1")
    slice_node.input[0] = concat.output[0]
    nodes = sorted(proto.graph.node, key=lambda node: node is slice_node)
    reordered = copy.deepcopy(nodes)
    del proto.graph.node[:]
    proto.graph.node.extend(reordered)
    with pytest.raises(ExportError, match="next_shift_buffer_1 is not the slice it should be"):
        check_onnx(proto, mobilenet.streaming())


def test_swapped_outputs_of_one_shape_are_caught(proto, mobilenet):
    first, second = (node_that(proto, writes=f"next_shift_buffer_{i}") for i in (1, 2))
    first.output[0], second.output[0] = "next_shift_buffer_2", "next_shift_buffer_1"
    with pytest.raises(ExportError, match="next_shift_buffer_1 is not the slice it should be"):
        check_onnx(proto, mobilenet.streaming())


def test_altered_weight_is_caught(proto, mobilenet):
    (tensor,) = (t for t in proto.graph.initializer if t.name == "backbone.classifier.weight")
    weight = numpy_helper.to_array(tensor).copy()
    weight[3] *= 1.001
    tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    with pytest.raises(ExportError, match=r"logits differ from torch's by .* is accepted"):
        check_onnx(proto, mobilenet.streaming())


def test_renamed_input_is_caught(proto, mobilenet):
    node_that(proto, reads="shift_buffer_3").input[0] = "state"
    (value,) = (v for v in proto.graph.input if v.name == "shift_buffer_3")
    value.name = "state"
    with pytest.raises(ExportError, match=r"inputs are .*'state'.*; expected .*'shift_buffer_3'"):
        check_onnx(proto, mobilenet.streaming())


def test_invalid_graph_is_caught(proto, mobilenet):
    proto.graph.node[0].op_type = "Convolve"
    with pytest.raises(ExportError, match="no valid ONNX"):
        check_onnx(proto, mobilenet.streaming())


def test_graph_that_answers_nan_after_the_first_frame_is_caught(proto, mobilenet):
    """The square root of minus a state that is zero at first."""
    node_that(proto, writes="logits").output[0] = "answer"
    make = onnx.helper.make_node
    proto.graph.node.extend(
        [
            make("ReduceL1", ["shift_buffer_0"], ["size"], keepdims=0),
            make("Neg", ["size"], ["negative"]),
            make("Sqrt", ["negative"], ["root"]),
            make("Add", ["answer", "root"], ["logits"]),
        ]
    )
    with pytest.raises(ExportError, match="logits differ from torch's by nan on frame 1;"):
        check_onnx(proto, mobilenet.streaming())
