"""The networks by name, and how to build one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tsm_edge.errors import UnknownModelError, UsageError
from tsm_edge.export.models.backbone import Backbone
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.models.mobilenet_v2 import MobileNetV2
from tsm_edge.export.models.random_weights import set_random_weights
from tsm_edge.export.models.resnet import ResNet
from tsm_edge.export.models.temporal_shift import Shift
from tsm_edge.labels import JESTER_LABELS, numbered_labels, smoothing_for
from tsm_edge.specs import FlowSpec, ModelSpec, PreprocessSpec, ShiftMode, StateSpec

__all__ = [
    "DEFAULT_IMAGE_SIZE",
    "DEFAULT_MODEL",
    "DEFAULT_WEIGHTS",
    "MODELS",
    "ModelEntry",
    "build_backbone",
    "build_model",
    "make_spec",
]

DEFAULT_MODEL = "mobilenetv2"
DEFAULT_IMAGE_SIZE = 224
# The default model: docs/default-model.md says how it was trained and how well it does.
DEFAULT_WEIGHTS = Path(__file__).parent / "weights" / "default.safetensors"

# Networks halve the picture five times, the last time rounding up: 112 is a size that phones are given.
SIZE_STEP = 16
MIN_IMAGE_SIZE, MAX_IMAGE_SIZE = 32, 1024


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """A network that can be built by name."""

    name: str
    architecture: str
    width_mult: float = 1.0


MODELS = {
    entry.name: entry
    for entry in (
        ModelEntry(name="mobilenetv2", architecture="mobilenetv2"),
        ModelEntry(name="mobilenetv2-0.5", architecture="mobilenetv2", width_mult=0.5),
        ModelEntry(name="mobilenetv2-0.75", architecture="mobilenetv2", width_mult=0.75),
        ModelEntry(name="mobilenetv2-1.4", architecture="mobilenetv2", width_mult=1.4),
        ModelEntry(name="resnet18", architecture="resnet18"),
        ModelEntry(name="resnet50", architecture="resnet50"),
        ModelEntry(name="resnet101", architecture="resnet101"),
    )
}

_ARCHITECTURES: dict[str, Callable[[int, float, int], Backbone]] = {
    "mobilenetv2": MobileNetV2,
    "resnet18": lambda num_classes, _, in_channels: ResNet(num_classes, 18, in_channels),
    "resnet50": lambda num_classes, _, in_channels: ResNet(num_classes, 50, in_channels),
    "resnet101": lambda num_classes, _, in_channels: ResNet(num_classes, 101, in_channels),
}


def build_backbone(
    architecture: str, num_classes: int, width_mult: float = 1.0, in_channels: int = 3
) -> Backbone:
    """A backbone in evaluation mode, its weights not yet set.

    Raises:
        UnknownModelError: No such architecture.
    """
    if architecture not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise UnknownModelError(f"unknown architecture {architecture!r}; choose one of {known}")
    # Layers draw weights for themselves as they are made; the caller's random numbers stay as they are.
    with torch.random.fork_rng(devices=[]):
        return _ARCHITECTURES[architecture](num_classes, width_mult, in_channels).eval()


def build_model(
    name: str = DEFAULT_MODEL,
    *,
    labels: Sequence[str] | None = None,
    num_classes: int | None = None,
    image_size: int = DEFAULT_IMAGE_SIZE,
    seed: int = 0,
) -> ClipModel:
    """A network of the table with seeded random weights, in evaluation mode.

    Args:
        name: A key of `MODELS`.
        labels: One name per class; Jester's if neither they nor `num_classes` are given.
        num_classes: Length of the logits where labels have no names yet.
        image_size: Height and width of a frame, a multiple of 16 from 32 to 1024.
        seed: The same seed gives the same weights.

    Raises:
        UnknownModelError: No network of that name.
        UsageError: `labels` and `num_classes` disagree, or the size does not fit.
    """
    if name not in MODELS:
        raise UnknownModelError(f"unknown model {name!r}; choose one of {', '.join(MODELS)}")
    entry = MODELS[name]
    chosen = _choose_labels(labels, num_classes)
    spec = make_spec(
        name=f"{name}-{'jester' if chosen == JESTER_LABELS else f'{len(chosen)}classes'}",
        architecture=entry.architecture,
        width_mult=entry.width_mult,
        labels=chosen,
        image_size=image_size,
        trained=False,
    )
    backbone = build_backbone(entry.architecture, spec.num_classes, entry.width_mult)
    set_random_weights(backbone, seed=seed)
    return ClipModel(backbone, spec)


def make_spec(
    *,
    name: str,
    architecture: str,
    labels: tuple[str, ...],
    trained: bool,
    width_mult: float = 1.0,
    image_size: int = DEFAULT_IMAGE_SIZE,
    shift_div: int = 8,
    trained_shift: ShiftMode = "online",
    flow: FlowSpec | None = None,
) -> ModelSpec:
    """Describe a network; the state's shapes are found by running its skeleton, which has no weights.

    Raises:
        UsageError: The size is not a multiple of 16, too small or too large.
    """
    if image_size % SIZE_STEP or not MIN_IMAGE_SIZE <= image_size <= MAX_IMAGE_SIZE:
        raise UsageError(
            f"image size {image_size}: give a multiple of {SIZE_STEP} from {MIN_IMAGE_SIZE} to {MAX_IMAGE_SIZE}"
        )
    with torch.device("meta"):
        skeleton = build_backbone(architecture, len(labels), width_mult)
    return ModelSpec(
        name=name,
        architecture=architecture,
        width_mult=width_mult,
        num_classes=len(labels),
        shift_div=shift_div,
        labels=labels,
        trained=trained,
        trained_shift=trained_shift,
        state=StateSpec(shapes=_shift_buffer_shapes(skeleton, image_size, shift_div)),
        # As published: short side 256 for a crop of 224.
        preprocess=PreprocessSpec(resize_short_side=image_size * 8 // 7, crop_size=image_size, flow=flow),
        smoothing=smoothing_for(labels),
    )


def _choose_labels(labels: Sequence[str] | None, num_classes: int | None) -> tuple[str, ...]:
    if labels is None:
        return JESTER_LABELS if num_classes in (None, len(JESTER_LABELS)) else numbered_labels(num_classes)
    if num_classes not in (None, len(labels)):
        raise UsageError(f"{len(labels)} labels for {num_classes} classes; give one label per class")
    return tuple(labels)


def _shift_buffer_shapes(
    skeleton: Backbone, image_size: int, shift_div: int
) -> tuple[tuple[int, int, int, int], ...]:
    shapes: list[tuple[int, int, int, int]] = []

    def record(x: torch.Tensor) -> torch.Tensor:
        shapes.append((1, x.shape[1] // shift_div, x.shape[2], x.shape[3]))
        return x

    shift: Shift = record
    skeleton(torch.empty(1, 3, image_size, image_size, device="meta"), shift)
    return tuple(shapes)
