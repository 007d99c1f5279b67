"""From a model's streaming view to an ONNX file that any engine runs.

    inputs    frame  (1, 3, S, S)    shift_buffer_i       (1, C_i // shift_div, H_i, W_i)
    outputs   logits (1, num_classes)    next_shift_buffer_i  shaped like shift_buffer_i

Batch norms are folded; initialisers carry the names of the folded StreamingModel's parameters, so that the
weights can be read back. The ModelSpec travels as JSON in the file's metadata.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import msgspec
import onnx
import torch

from tsm_edge.errors import ExportError
from tsm_edge.export.fold import fold_batch_norm
from tsm_edge.export.models.clip_model import ClipModel, StreamingModel
from tsm_edge.export.onnx_checks import OnnxCheck, check_onnx
from tsm_edge.files import file_written_aside
from tsm_edge.specs import ONNX_METADATA_KEY, ModelSpec

__all__ = ["OPSET_VERSION", "OnnxExport", "export_checked_onnx", "export_onnx"]

# The lowest one that torch's exporter writes by itself; a later one would shut out older engines.
OPSET_VERSION = 18


@dataclass(frozen=True, kw_only=True)
class OnnxExport:
    """What was written, and how it was proved."""

    path: Path
    size_bytes: int
    opset_version: int
    spec: ModelSpec
    check: OnnxCheck


def export_onnx(model: ClipModel, path: Path) -> ModelSpec:
    """Write the streaming view of `model` to `path` and return the spec that it carries.

    Raises:
        ExportError: torch's exporter refused, or the written graph failed a proof; nothing is written then.
        OutputError: The file cannot be written.
    """
    return export_checked_onnx(model, path).spec


def export_checked_onnx(model: ClipModel, path: Path) -> OnnxExport:
    """Like `export_onnx`, with the account of what was proved.

    Raises:
        ExportError: torch's exporter refused, or the written graph failed a proof; nothing is written then.
        OutputError: The file cannot be written.
    """
    with file_written_aside(path) as aside:  # around it all: a place that cannot be written is told at once
        proto = to_onnx(model)
        check = check_onnx(proto, deepcopy(model.streaming()).eval().cpu())
        aside.write_bytes(proto.SerializeToString(deterministic=True))
    return OnnxExport(
        path=path,
        size_bytes=path.stat().st_size,
        opset_version=OPSET_VERSION,
        spec=model.spec,
        check=check,
    )


def to_onnx(model: ClipModel) -> onnx.ModelProto:
    """The folded streaming view as ONNX, not yet proved.

    Raises:
        ExportError: torch's exporter refused.
    """
    folded = StreamingModel(fold_batch_norm(model.backbone), model.spec).eval().cpu()
    proto = _trace(_with_distinct_weights(folded))
    _set_weights(proto, folded)
    _remove_traces_of_this_machine(proto)
    proto.producer_name = "tsm-edge"
    onnx.helper.set_model_props(proto, {ONNX_METADATA_KEY: msgspec.json.encode(model.spec).decode()})
    return proto


def _with_distinct_weights(streaming: StreamingModel) -> StreamingModel:
    """A copy of the network with other weights.

    The exporter merges parameters of equal values, such as two biases of zeros, and one of the names is lost.
    So it traces a network in which no two are equal.
    """
    distinct = deepcopy(streaming)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in distinct.parameters():
            parameter.uniform_(generator=generator)
    return distinct


def _set_weights(proto: onnx.ModelProto, streaming: StreamingModel) -> None:
    initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
    for name, parameter in streaming.named_parameters():
        initializers[name].CopyFrom(onnx.numpy_helper.from_array(parameter.detach().numpy(), name))


def _trace(streaming: StreamingModel) -> onnx.ModelProto:
    state = streaming.initial_state()
    numbers = range(len(state))
    try:
        with _without_chatter():
            program = torch.onnx.export(
                streaming,
                (torch.zeros(streaming.spec.input_shape), *state),
                dynamo=True,
                verbose=False,
                opset_version=OPSET_VERSION,
                input_names=["frame", *(f"shift_buffer_{i}" for i in numbers)],
                output_names=["logits", *(f"next_shift_buffer_{i}" for i in numbers)],
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).splitlines()[0]  # pages of advice follow
        raise ExportError(f"torch could not export {streaming.spec.name}: {reason}") from error
    assert program is not None
    return program.model_proto


@contextmanager
def _without_chatter() -> Iterator[None]:
    """The exporter warns of torchvision's absence and its own deprecated calls; failures are exceptions."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)


def _remove_traces_of_this_machine(proto: onnx.ModelProto) -> None:
    """The exporter notes source files and lines with every node and value."""
    graph = proto.graph
    graph.name = "streaming_tsm"
    for item in (graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        del item.metadata_props[:]
        item.ClearField("doc_string")
