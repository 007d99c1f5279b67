"""From a checkpoint to a clip model, and back."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import safetensors.torch

from tsm_edge.export.checkpoint_file import read_checkpoint_file
from tsm_edge.export.checkpoint_layouts import recognize
from tsm_edge.export.checkpoint_spec import describe_checkpoint, with_image_size, with_labels
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.models.registry import build_backbone
from tsm_edge.files import file_written_aside
from tsm_edge.specs import ONNX_METADATA_KEY

__all__ = ["load_checkpoint", "save_checkpoint"]


def load_checkpoint(
    path: str | Path, *, labels: Sequence[str] | None = None, image_size: int | None = None
) -> ClipModel:
    """Read a trained network, recognised by the names and shapes of its tensors.

    Accepted are the online demo's bare state_dict, a published TSM_*.pth (in offline mode, as it
    was trained), and what `save_checkpoint` wrote. Nothing in the file is executed.

    Args:
        path: The file.
        labels: One name per class; by default what the file says, Jester's for the online demo, or numbers.
        image_size: Height and width of a frame, a multiple of 16; by default what the file says, or 224.

    Returns:
        A model in evaluation mode: clips (N, T, C, H, W) to logits (N, T, num_classes).

    Raises:
        CheckpointError: The file is missing, truncated, foreign, wrongly shaped or malicious.
        UsageError: Another number of labels than classes, or a size that does not fit.
    """
    file = read_checkpoint_file(Path(path))
    weights = recognize(file)
    spec = describe_checkpoint(file, weights)
    if labels is not None:
        spec = with_labels(spec, labels)
    if image_size is not None:
        spec = with_image_size(spec, image_size)
    backbone = build_backbone(
        weights.architecture, weights.num_classes, weights.width_mult, weights.in_channels
    )
    backbone.load_state_dict(weights.tensors, strict=False)  # all are there but for counters
    return ClipModel(backbone, spec)


def save_checkpoint(model: ClipModel, path: str | Path) -> None:
    """Write weights and spec as safetensors.

    Raises:
        OutputError: The file cannot be written; nothing is left half written.
    """
    tensors = {name: tensor.contiguous() for name, tensor in model.backbone.state_dict().items()}
    spec = msgspec.json.encode(model.spec).decode()
    content = safetensors.torch.save(tensors, {"format": "pt", ONNX_METADATA_KEY: spec})
    with file_written_aside(Path(path)) as aside:
        aside.write_bytes(content)
