import onnx
import pytest
from onnx import TensorProto, helper
from small_graph import SmallGraph

from tsm_edge.errors import CompileError
from tsm_edge.export.relax_import import import_relax


def save(path, *nodes, **weights):
    graph = helper.make_graph(
        list(nodes),
        "broken",
        [helper.make_tensor_value_info("frame", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 3, 8, 8))],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def test_module_takes_frame_and_state_and_holds_the_weights(tmp_path):
    graph = SmallGraph()
    graph.read(tmp_path, *graph.tail(graph.conv("frame", 8)))
    main = import_relax(tmp_path / "small.onnx")["main"]
    assert [parameter.name for parameter in main.params] == ["frame", "shift_buffer_0"]


def refused(path):
    with pytest.raises(CompileError, match="TVM cannot import") as refusal:
        import_relax(path)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_operator_that_tvm_does_not_know(tmp_path, capfd):
    path = save(tmp_path / "model.onnx", helper.make_node("StringNormalizer", ["frame"], ["logits"]))
    assert "StringNormalizer" in refused(path)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"no protobuf", b"\x08\x08\x12"])
def test_file_that_is_no_model(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert str(path) in refused(path)


def test_missing_file(tmp_path):
    assert "model.onnx" in refused(tmp_path / "model.onnx")
