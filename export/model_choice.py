"""The network that a command works on: named, or read from a checkpoint."""

from collections.abc import Sequence
from pathlib import Path

from tsm_edge.errors import UsageError
from tsm_edge.export.checkpoint import load_checkpoint
from tsm_edge.export.checkpoint_names import find_checkpoint
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.models.registry import DEFAULT_IMAGE_SIZE, DEFAULT_WEIGHTS, build_model
from tsm_edge.labels import dataset_labels, read_labels

__all__ = ["default_model", "open_model"]


def default_model(labels: Sequence[str] | None = None, image_size: int | None = None) -> ClipModel:
    """The gesture recogniser that comes with the package: online TSM MobileNetV2 at 224 pixels, in evaluation mode.

    Args:
        labels: Other names for its classes, in their order.
        image_size: Height and width of a frame, a multiple of 16; it was trained for 224.

    Raises:
        UsageError: Another number of labels than classes, or a size that does not fit.
    """
    return load_checkpoint(DEFAULT_WEIGHTS, labels=labels, image_size=image_size)


def open_model(
    name: str | None = None,
    checkpoint: str | Path | None = None,
    labels: str | Path | None = None,
    image_size: int | None = None,
) -> ClipModel:
    """The checkpoint's network, or the named one with random weights; the trained default model if neither is given.

    Args:
        name: A key of `MODELS`.
        checkpoint: A file that `load_checkpoint` reads, "default" for the model that is shipped, or the name of a
            published one that was fetched; its classes are then called as its dataset calls them.
        labels: A text file, one label a line, in the order of the logits.
        image_size: Height and width of a frame, a multiple of 16; the checkpoint's own, or 224, if none is given.

    Raises:
        UnknownModelError: No network of that name.
        UsageError: Both a name and a checkpoint, labels that cannot be read or do not fit, or a size that
            does not.
        CheckpointError: The checkpoint cannot be read.
    """
    if name is not None and checkpoint is not None:
        raise UsageError(f"model {name} and checkpoint {checkpoint}: give one; a checkpoint tells its own")
    known = read_labels(Path(labels)) if labels is not None else None
    if checkpoint is not None:
        path, dataset = find_checkpoint(checkpoint)
        if dataset is not None:
            known = known or dataset_labels(dataset)
        return load_checkpoint(path, labels=known, image_size=image_size)
    if name is None:
        return default_model(known, image_size)
    return build_model(name, labels=known, image_size=image_size or DEFAULT_IMAGE_SIZE)
