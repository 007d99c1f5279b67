"""What a checkpoint's network is called, what its classes mean, and which frames it wants."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from tsm_edge.errors import CheckpointError, UsageError
from tsm_edge.export.checkpoint_file import CheckpointFile
from tsm_edge.export.checkpoint_layouts import FLOW_CHANNELS, RecognizedWeights
from tsm_edge.export.models.registry import make_spec
from tsm_edge.labels import JESTER_LABELS, numbered_labels, smoothing_for
from tsm_edge.specs import ONNX_METADATA_KEY, FlowMethod, FlowSpec, ModelSpec

__all__ = ["describe_checkpoint", "name_of_file", "with_flow_method", "with_image_size", "with_labels"]


def describe_checkpoint(file: CheckpointFile, weights: RecognizedWeights) -> ModelSpec:
    """The spec that our own file carries, or for another's file what can be known of it.

    Raises:
        CheckpointError: The file's description does not fit its tensors.
    """
    text = file.metadata.get(ONNX_METADATA_KEY)
    return _foreign_spec(file, weights) if text is None else _own_spec(file, weights, text)


def with_labels(spec: ModelSpec, labels: Sequence[str]) -> ModelSpec:
    """The same network with other names for its classes, and the smoothing that goes with them.

    Raises:
        UsageError: Another number of labels than classes.
    """
    if len(labels) != spec.num_classes:
        raise UsageError(f"{len(labels)} labels for {spec.num_classes} classes of {spec.name}; give one each")
    return replace(spec, labels=tuple(labels), smoothing=smoothing_for(tuple(labels)))


def with_image_size(spec: ModelSpec, image_size: int) -> ModelSpec:
    """The same network for frames of another size.

    Raises:
        UsageError: The size is not a multiple of 16, too small or too large.
    """
    old = spec.preprocess
    short_side = round(image_size * old.resize_short_side / old.crop_size)
    preprocess = replace(old, resize_short_side=short_side, crop_size=image_size)
    return replace(spec, state=_rebuilt(spec, image_size).state, preprocess=preprocess)


def with_flow_method(spec: ModelSpec, method: FlowMethod) -> ModelSpec:
    """The same network with optical flow computed in another way; networks on RGB stay as they are."""
    flow = spec.preprocess.flow
    if flow is None:
        return spec
    return replace(spec, preprocess=replace(spec.preprocess, flow=replace(flow, method=method)))


def _foreign_spec(file: CheckpointFile, weights: RecognizedWeights) -> ModelSpec:
    # The published file names tell the data set; the online demo's network knows Jester alone.
    knows_jester = not weights.is_published or "jester" in file.path.name.lower()
    is_jester = knows_jester and weights.num_classes == len(JESTER_LABELS)
    return make_spec(
        name=name_of_file(file.path),
        architecture=weights.architecture,
        width_mult=weights.width_mult,
        labels=JESTER_LABELS if is_jester else numbered_labels(weights.num_classes),
        trained=True,
        trained_shift="offline" if weights.is_published else "online",
        # The published networks on flow learned from TV-L1's.
        flow=FlowSpec(method="tvl1") if weights.in_channels == FLOW_CHANNELS else None,
    )


def _own_spec(file: CheckpointFile, weights: RecognizedWeights, text: str) -> ModelSpec:
    try:
        spec = msgspec.json.decode(text, type=ModelSpec)
    except msgspec.MsgspecError as error:
        raise CheckpointError(f"{file.path} has a broken description: {error}; save it again") from error
    channels = spec.preprocess.num_channels
    described = (spec.architecture, spec.width_mult, channels, spec.num_classes, len(spec.labels))
    num_classes = weights.num_classes
    found = (weights.architecture, weights.width_mult, weights.in_channels, num_classes, num_classes)
    if described != found:
        raise CheckpointError(f"{file.path} describes {described}, its tensors are {found}; save it again")
    if spec.state != _rebuilt(spec, spec.preprocess.crop_size).state:
        raise CheckpointError(f"{file.path} describes a state that its network does not have; save it again")
    return spec


def _rebuilt(spec: ModelSpec, image_size: int) -> ModelSpec:
    return make_spec(
        name=spec.name,
        architecture=spec.architecture,
        width_mult=spec.width_mult,
        labels=spec.labels,
        trained=spec.trained,
        image_size=image_size,
        shift_div=spec.shift_div,
        flow=spec.preprocess.flow,
    )


def name_of_file(path: Path) -> str:
    """A file's name without its endings, fit for a folder's name: mobilenetv2_jester_online.pth.tar."""
    stem = re.sub(r"(\.pth|\.pt|\.tar|\.safetensors)+$", "", path.name.lower())
    return re.sub(r"[^a-z0-9.]+", "-", stem).strip("-.") or "checkpoint"
