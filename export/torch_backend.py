"""PyTorch as an engine: the network rebuilt from an exported ONNX file; a bundle needs no second copy of it.

Satisfies the runtime's `Backend` protocol by its shape alone: the halves do not import each other.
"""

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import torch
from google.protobuf.message import DecodeError
from torch import Tensor
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from tsm_edge.errors import BundleError
from tsm_edge.export.fold import fold_batch_norm
from tsm_edge.export.models.clip_model import StreamingModel
from tsm_edge.export.models.registry import build_backbone
from tsm_edge.specs import ONNX_METADATA_KEY, ModelSpec

__all__ = ["TorchBackend", "TorchStream", "load_streaming_model", "open_backend"]

Float32Array = npt.NDArray[np.float32]


class TorchStream:
    """One camera's shift buffers as tensors."""

    def __init__(self, streaming: StreamingModel) -> None:
        self._streaming = streaming
        self._shift_buffers = streaming.initial_state()

    def step(self, frame: Float32Array) -> Float32Array:
        """Logits (num_classes,) of one frame (1, 3, H, W), float32, normalised; advances the state."""
        with torch.inference_mode():
            logits, *shift_buffers = self._streaming(torch.from_numpy(frame), *self._shift_buffers)
        self._shift_buffers = tuple(shift_buffers)
        answer: Float32Array = logits[0].numpy()
        return answer

    def reset(self) -> None:
        """Forget all frames: zero shift buffers, as before the first frame."""
        self._shift_buffers = self._streaming.initial_state()

    def state(self) -> tuple[Float32Array, ...]:
        """A copy of the shift buffers, shaped as `ModelSpec.state` says."""
        return tuple(np.array(buffer.numpy(), order="C") for buffer in self._shift_buffers)

    def load_state(self, buffers: tuple[Float32Array, ...]) -> None:
        """Replace the shift buffers; shapes are already checked."""
        self._shift_buffers = tuple(torch.tensor(buffer) for buffer in buffers)

    def close(self) -> None:
        """Free the state; the stream is not used again."""
        self._shift_buffers = ()


class TorchBackend:
    """The network's folded streaming view in PyTorch, shared by all its streams."""

    name = "torch"

    def __init__(self, streaming: StreamingModel, threads: int) -> None:
        self.spec: ModelSpec = streaming.spec
        self.threads = threads
        self._streaming = streaming

    def open_stream(self) -> TorchStream:
        """A new stream with zero shift buffers."""
        return TorchStream(self._streaming)

    def close(self) -> None:
        """Nothing to free: the weights go with the last reference."""


def open_backend(onnx_path: Path, threads: int) -> TorchBackend:
    """The network of an exported ONNX file; PyTorch's number of threads is set for the whole process.

    Raises:
        BundleError: The file cannot be read, or was not written by `export_onnx`.
        UnknownModelError: It holds a network of a later version.
    """
    streaming = load_streaming_model(onnx_path)
    torch.set_num_threads(threads)
    # Channels last: 17.5 ms a frame instead of 20.0 on one x86 core.
    convert_conv2d_weight_memory_format(streaming, torch.channels_last)
    return TorchBackend(streaming, threads)


def load_streaming_model(onnx_path: Path) -> StreamingModel:
    """The folded streaming view, rebuilt from an exported file's metadata and initialisers.

    Raises:
        BundleError: The file cannot be read, or was not written by `export_onnx`.
        UnknownModelError: It holds a network of a later version.
    """
    proto = _read(onnx_path)
    spec = _read_spec(proto, onnx_path)
    with torch.device("meta"):
        backbone = fold_batch_norm(build_backbone(spec.architecture, spec.num_classes, spec.width_mult))
    streaming = StreamingModel(backbone, spec).eval()
    try:
        streaming.load_state_dict(_weights(proto, set(streaming.state_dict())), assign=True)
    except RuntimeError as error:
        raise BundleError(f"{onnx_path}: weights do not fit {spec.architecture}; export it again") from error
    return streaming


def _read(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except (OSError, DecodeError) as error:
        raise BundleError(f"cannot read {path} as ONNX: {error}; export it again") from error


def _read_spec(proto: onnx.ModelProto, path: Path) -> ModelSpec:
    text = next((prop.value for prop in proto.metadata_props if prop.key == ONNX_METADATA_KEY), "")
    try:
        return msgspec.json.decode(text, type=ModelSpec)
    except msgspec.MsgspecError as error:
        raise BundleError(f"{path} does not say which network it holds; export it again") from error


def _weights(proto: onnx.ModelProto, names: set[str]) -> dict[str, Tensor]:
    tensors = (tensor for tensor in proto.graph.initializer if tensor.name in names)
    return {tensor.name: torch.tensor(onnx.numpy_helper.to_array(tensor)) for tensor in tensors}
