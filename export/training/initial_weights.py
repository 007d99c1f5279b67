"""What a run starts from: the default model, a checkpoint, an ImageNet classifier, or random numbers.

The classifier is kept where all classes are among those that it knows; else it begins anew. A kept row for a class of
the same name would only be right beside the rows that it learned with.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from tsm_edge.errors import UsageError
from tsm_edge.export.checkpoint_file import CheckpointFile, read_checkpoint_file
from tsm_edge.export.checkpoint_layouts import RecognizedWeights, recognize
from tsm_edge.export.checkpoint_names import DEFAULT, find_checkpoint
from tsm_edge.export.checkpoint_spec import describe_checkpoint
from tsm_edge.export.models.backbone import Backbone
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.models.mobilenet_v2 import MobileNetV2
from tsm_edge.export.models.registry import DEFAULT_MODEL, DEFAULT_WEIGHTS, MODELS, build_backbone, make_spec
from tsm_edge.export.training.shift_direction import exchange_shifted_channels
from tsm_edge.labels import numbered_labels
from tsm_edge.specs import FlowSpec, ModelSpec, ShiftMode

__all__ = ["INITS", "NEW_CLASSIFIER", "RANDOM", "for_channels", "initial_model", "randomize"]

INITS = (DEFAULT, "imagenet", "random")
# What `initial_model` calls a backbone that knows nothing.
RANDOM = "random weights"
# What it adds where none of the classes are kept.
NEW_CLASSIFIER = "a new classifier"
RGB_CHANNELS = 3
# As the published training sets it up.
CLASSIFIER_STD = 0.001

# torchvision's files, as `torch.hub` keeps them.
IMAGENET_FILES = {
    "mobilenetv2": "mobilenet_v2-*.pth",
    "resnet18": "resnet18-*.pth",
    "resnet50": "resnet50-*.pth",
    "resnet101": "resnet101-*.pth",
}


def initial_model(
    init: str | Path | None,
    labels: Sequence[str],
    *,
    name: str,
    model: str | None = None,
    image_size: int = 224,
    mode: ShiftMode = "online",
    flow: FlowSpec | None = None,
    seed: int = 0,
) -> tuple[ClipModel, str]:
    """A network for `labels`, and in a few words what its weights are.

    Args:
        init: "default", "imagenet", "random", a checkpoint that `load_checkpoint` reads, the name of a published one
            that was fetched, or a torchvision classifier. None takes the default model, or random weights for
            another `model`.
        labels: One name per class.
        name: What the new network is called.
        model: A key of `MODELS`; None takes the checkpoint's, or the default.
        image_size: Height and width of a frame.
        mode: The shift that it learns with. A MobileNetV2 that learned the uni-directional one goes on to the
            bi-directional one as `exchange_shifted_channels` says.
        flow: The network sees optical flow; weights for RGB then begin as `for_channels` says.
        seed: For weights that begin at random.

    Raises:
        UsageError: No such weights at hand, weights of another network than `model`, or of flow for a network on RGB.
        UnknownModelError: No such model.
        CheckpointError: The file cannot be read.
    """
    path, words = _source(init, model)
    if path is None:
        entry = MODELS[model or DEFAULT_MODEL]
        architecture, width_mult, found = entry.architecture, entry.width_mult, None
    else:
        found = recognize(_renamed(read_checkpoint_file(path)))
        architecture, width_mult = found.architecture, found.width_mult
        _check_model(path, found, model)
        if flow is None and found.in_channels != RGB_CHANNELS:
            raise UsageError(f"{path} sees optical flow; give --modality flow, or other weights")
    spec = make_spec(
        name=name,
        architecture=architecture,
        width_mult=width_mult,
        labels=tuple(labels),
        trained=True,
        image_size=image_size,
        trained_shift=mode,
        flow=flow,
    )
    in_channels = spec.preprocess.num_channels
    backbone = build_backbone(architecture, spec.num_classes, width_mult, in_channels)
    randomize(backbone, torch.Generator().manual_seed(seed))
    if found is not None and path is not None:
        source = describe_checkpoint(read_checkpoint_file(path), found)
        spec, known = _read_alike(spec, source), source.labels
        # Numbers are no names: class 3 of one list is another one's by chance alone.
        has_names = tuple(labels) != numbered_labels(len(labels))
        keeps_head = tuple(labels) == known or (has_names and set(labels) <= set(known))
        kept = {key: value for key, value in found.tensors.items() if not key.startswith("classifier.")}
        if keeps_head:
            rows = torch.tensor([known.index(label) for label in labels])
            kept |= {
                f"classifier.{part}": found.tensors[f"classifier.{part}"][rows] for part in ("weight", "bias")
            }
        first = f"{backbone.first_conv}.weight"
        if found.in_channels != in_channels:
            kept[first] = for_channels(kept[first], in_channels)
            words += ", its first convolution averaged over colours"
        backbone.load_state_dict(kept, strict=False)
        if (
            mode == "offline"
            and (source.trained, source.trained_shift) == (True, "online")
            and isinstance(backbone, MobileNetV2)
        ):
            exchange_shifted_channels(backbone, spec.shift_div)
        words += ", its classifier kept" if keeps_head else f", {NEW_CLASSIFIER}"
    return ClipModel(backbone, replace(spec, trained_shift=mode)), words


def for_channels(kernel: Tensor, in_channels: int) -> Tensor:
    """A convolution's weights (out, colours, h, w) for other channels: the mean over colours, for each alike.

    Source: Wang et al., Temporal Segment Networks, arXiv:1608.00859, cross-modality pre-training.
    """
    return kernel.mean(1, keepdim=True).repeat(1, in_channels, 1, 1)


def _source(init: str | Path | None, model: str | None) -> tuple[Path | None, str]:
    if model is not None and model not in MODELS:
        from tsm_edge.errors import UnknownModelError

        raise UnknownModelError(f"unknown model {model!r}; choose one of {', '.join(MODELS)}")
    if init == "random" or (init is None and model not in (None, DEFAULT_MODEL)):
        return None, RANDOM
    if init in (None, DEFAULT):
        return DEFAULT_WEIGHTS, "the default model"
    if init == "imagenet":
        return _imagenet_file(model or DEFAULT_MODEL), "ImageNet weights"
    return find_checkpoint(init)[0], f"weights of {init}"


def _imagenet_file(model: str) -> Path:
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    pattern = IMAGENET_FILES.get(model)
    found = sorted(folder.glob(pattern)) if pattern else []
    if not found:
        wanted = f"put torchvision's {pattern} there, or " if pattern else "there are none for this model; "
        raise UsageError(f"no ImageNet weights for {model} in {folder}; {wanted}give --init FILE")
    return found[-1]


def _check_model(path: Path, found: RecognizedWeights, model: str | None) -> None:
    if model is None:
        return
    entry = MODELS[model]
    if (entry.architecture, entry.width_mult) != (found.architecture, found.width_mult):
        raise UsageError(
            f"{path} holds a {found.architecture} of width {found.width_mult:g}, not {model}; leave --model out"
        )


def _read_alike(spec: ModelSpec, source: ModelSpec) -> ModelSpec:
    """`spec` for the same part of a picture and the same frames of a stream as the network that it starts from.

    Where that one has a rate of its own: others are the published ones, whose ways are `spec`'s.
    """
    if source.max_fps is None:
        return spec
    seen, size = source.preprocess, spec.preprocess.crop_size
    preprocess = replace(
        spec.preprocess,
        resize_short_side=round(size * seen.resize_short_side / seen.crop_size),
        max_squeeze=seen.max_squeeze,
    )
    smoothing = replace(source.smoothing, merge=(), ignore=(), background=spec.smoothing.background)
    return replace(
        spec, preprocess=preprocess, max_fps=source.max_fps, interleave=source.interleave, smoothing=smoothing
    )


def _renamed(file: CheckpointFile) -> CheckpointFile:
    """Torchvision's classifiers by our names: it nests convolution, norm and activation, and has other last layers."""
    if "classifier.1.weight" in file.tensors:
        renamed = {_mobilenet_name(name): tensor for name, tensor in file.tensors.items()}
    elif "fc.weight" in file.tensors:
        renamed = {re.sub(r"^fc\.", "classifier.", name): tensor for name, tensor in file.tensors.items()}
    else:
        return file
    return CheckpointFile(file.path, renamed, file.metadata)


def _mobilenet_name(name: str) -> str:
    name = name.replace("classifier.1.", "classifier.")
    block = re.fullmatch(r"features\.(\d+)\.conv\.(\d+)\.(?:(\d+)\.)?(\w+)", name)
    if not block:
        return name
    number, outer, inner, tensor = block.groups()
    num_nested = 1 if number == "1" else 2
    place = 3 * int(outer) + int(inner) if inner else 3 * num_nested + int(outer) - num_nested
    return f"features.{number}.conv.{place}.{tensor}"


def randomize(backbone: Backbone, generator: torch.Generator) -> None:
    """He's initialisation (fan out), plain norms, and a classifier that begins by saying nothing."""
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
    nn.init.normal_(backbone.classifier.weight, std=CLASSIFIER_STD, generator=generator)
    nn.init.zeros_(backbone.classifier.bias)
