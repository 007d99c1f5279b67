from collections import Counter

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tsm_edge.errors import ExportError, OutputError
from tsm_edge.export import (
    ClipModel,
    StreamingModel,
    build_model,
    default_model,
    export_checked_onnx,
    export_onnx,
)
from tsm_edge.export.fold import fold_batch_norm
from tsm_edge.export.models.random_weights import random_clip
from tsm_edge.export.onnx_export import to_onnx
from tsm_edge.specs import ONNX_METADATA_KEY, ModelSpec

# Plain operators that every engine has, as many as the papers' tables have layers: MobileNetV2 clamps behind its
# stem, its last convolution, 16 expansions and 17 depthwise convolutions; ResNet-18 rectifies behind its stem and
# twice in 8 blocks. Each shift takes two slices and a concatenation.
MOBILENET_OPS = {"Add": 10, "Clip": 35, "Concat": 10, "Conv": 52, "Gemm": 1, "ReduceMean": 1, "Slice": 20}
RESNET_OPS = {
    "Add": 8,
    "Concat": 8,
    "Conv": 20,
    "Gemm": 1,
    "MaxPool": 1,
    "ReduceMean": 1,
    "Relu": 17,
    "Slice": 16,
}


@pytest.fixture(scope="module")
def proto(onnx_path):
    return onnx.load(onnx_path)


def stream_onnx(path, spec, frames):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    state = [np.zeros(shape, np.float32) for shape in spec.state.shapes]
    logits = []
    for frame in frames.numpy():
        feed = {f"shift_buffer_{i}": buffer for i, buffer in enumerate(state)}
        answer, *state = session.run(None, {"frame": frame[None], **feed})
        logits.append(answer[0])
    return np.stack(logits)


def test_onnx_streaming_is_the_online_clip_model_at_every_length(
    onnx_path, mobilenet, clip, online_logits, assert_close
):
    streamed = stream_onnx(onnx_path, mobilenet.spec, clip)
    for logits in online_logits:
        assert_close(streamed[: len(logits)], logits)


@pytest.mark.parametrize("make", [default_model, build_model], ids=["shipped", "seeded"])
def test_full_size_network_streams_in_onnx_runtime(tmp_path, assert_close, make):
    model, frames = make(), random_clip(3, 224, torch.Generator().manual_seed(4))
    report = export_checked_onnx(model, tmp_path / "model.onnx")
    with torch.inference_mode():
        assert_close(stream_onnx(report.path, model.spec, frames), model(frames[None])[0])
    assert report.size_bytes == report.path.stat().st_size
    assert report.check.num_frames == 16
    assert 0 < report.check.max_relative_error <= 1e-5
    # How much a buffer matters is the weights' affair: of seeded ones it is known, of others far above all rounding.
    least = 0.01 if make is build_model else 1000 * report.check.max_relative_error
    assert report.check.least_influence > least


def test_graphs_are_the_papers_networks_in_plain_operators(proto, resnet_onnx_path):
    assert Counter(node.op_type for node in proto.graph.node) == MOBILENET_OPS
    assert Counter(node.op_type for node in onnx.load(resnet_onnx_path).graph.node) == RESNET_OPS


def test_mobilenet_clamps_from_0_to_6(proto):
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    bounds = {tuple(node.input[1:]) for node in proto.graph.node if node.op_type == "Clip"}
    assert {(constants[low].item(), constants[high].item()) for low, high in bounds} == {(0, 6)}


def test_graph_has_opset_18(proto):
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", 18)]


def test_graph_names_its_inputs_and_outputs(proto):
    numbers = range(10)
    assert [value.name for value in proto.graph.input] == ["frame", *(f"shift_buffer_{i}" for i in numbers)]
    expected = ["logits", *(f"next_shift_buffer_{i}" for i in numbers)]
    assert [value.name for value in proto.graph.output] == expected


def test_metadata_carries_the_spec(proto, mobilenet):
    (entry,) = proto.metadata_props
    assert entry.key == ONNX_METADATA_KEY
    assert msgspec.json.decode(entry.value, type=ModelSpec) == mobilenet.spec


def test_graph_tells_nothing_of_the_machine_it_was_made_on(onnx_path):
    content = onnx_path.read_bytes()
    assert b".py" not in content
    assert b"stack_trace" not in content


def test_initialisers_are_the_folded_parameters_even_where_values_repeat(tiny):
    with torch.no_grad():
        for norm in (tiny.backbone.stem_norm, tiny.backbone.shifted_norm):
            norm.bias.zero_()
            norm.running_mean.zero_()
    folded = StreamingModel(fold_batch_norm(tiny.backbone), tiny.spec).state_dict()
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in to_onnx(tiny).graph.initializer}
    assert not folded["backbone.stem.bias"].any()
    assert not folded["backbone.shifted.bias"].any()
    for name, parameter in folded.items():
        np.testing.assert_array_equal(found[name], parameter.numpy())


def test_same_model_gives_the_same_bytes(tiny):
    first, second = (to_onnx(tiny).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_exporting_is_silent(tiny, tmp_path, capfd):
    export_onnx(tiny, tmp_path / "model.onnx")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_model_in_training_mode_is_exported_as_it_answers(tiny, tmp_path):
    export_onnx(tiny, tmp_path / "model.onnx")
    export_onnx(tiny.train(), tmp_path / "training.onnx")
    assert tiny.backbone.training
    assert (tmp_path / "training.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()


def test_model_that_answers_nan_is_refused_and_the_old_file_stays(tiny, tmp_path):
    with torch.no_grad():
        tiny.backbone.classifier.bias.fill_(torch.nan)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ExportError, match="logits differ from torch's"):
        export_onnx(tiny, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tiny, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        export_onnx(tiny, tmp_path / "file" / "model.onnx")


def test_model_that_torch_cannot_trace_is_refused(tiny):
    class Fickle(type(tiny.backbone)):
        def forward(self, frames, shift):
            return super().forward(frames, shift) * (1 if frames.sum().item() > 0 else 2)

    with pytest.raises(ExportError, match=r"torch could not export tiny: Could not guard [^\n]*$"):
        to_onnx(ClipModel(Fickle(), tiny.spec))
