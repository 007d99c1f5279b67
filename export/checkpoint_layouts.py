"""Which network a set of named tensors is, told by names and shapes alone.

| layout | names | shift it learned with |
|---|---|---|
| online demo, and our own | features.3.conv.0.weight, classifier.weight | online |
| published TSM_*.pth | module.base_model.features.3.conv.0.net.weight, module.new_fc.weight | offline |

In the published layout `.net.` marks the convolutions whose input is shifted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tsm_edge.errors import CheckpointError
from tsm_edge.export.checkpoint_file import EXPECTED, CheckpointFile
from tsm_edge.export.models.backbone import Backbone
from tsm_edge.export.models.mobilenet_v2 import STAGE_ENDS, stage_channels
from tsm_edge.export.models.registry import MODELS, build_backbone
from tsm_edge.export.models.resnet import RESNET_LAYERS, BasicBlock, Bottleneck
from tsm_edge.specs import ONNX_METADATA_KEY, FlowSpec

__all__ = ["FLOW_CHANNELS", "RecognizedWeights", "recognize"]

# Counts batches in training; checkpoints of old PyTorch versions lack it, and no result depends on it.
COUNTER = "num_batches_tracked"

SHIFTED = ".net."

# Input channels of the published networks on optical flow.
FLOW_CHANNELS = 2 * FlowSpec().num_fields

MAX_PROBLEMS = 3

# Multipliers to try, those of known models first.
WIDTHS = (*dict.fromkeys(entry.width_mult for entry in MODELS.values()), *(i / 20 for i in range(1, 41)))


@dataclass(frozen=True, kw_only=True)
class RecognizedWeights:
    """A checkpoint's tensors by our own names, every one accounted for.

    Attributes:
        tensors: What the backbone's state_dict needs but for counters, float32.
        is_published: Whether they came in the layout of TSM_*.pth, which learned with the offline shift.
    """

    architecture: str
    width_mult: float
    num_classes: int
    in_channels: int
    tensors: Mapping[str, Tensor]
    is_published: bool


def recognize(file: CheckpointFile) -> RecognizedWeights:
    """Find out which network a file holds, and name its tensors as our backbones do.

    Raises:
        CheckpointError: Another network, a variant that cannot be streamed, or tensors that are missing, left
            over, of a wrong shape or not finite.
    """
    tensors = {_own_name(name): tensor for name, tensor in file.tensors.items()}
    is_published = any("base_model." in name or SHIFTED in name for name in file.tensors)
    _refuse_variants(file, tensors, is_published)
    architecture, width_mult = _architecture(file, tensors)
    num_classes = _out_channels(tensors, "classifier")
    with torch.device("meta"):
        skeleton = build_backbone(architecture, max(num_classes, 1), width_mult, _in_channels(tensors))
    _check_shapes(file, tensors, skeleton, architecture)
    if is_published:
        _check_shifted_convs(file, skeleton)
    weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(COUNTER)}
    return RecognizedWeights(
        architecture=architecture,
        width_mult=width_mult,
        num_classes=num_classes,
        in_channels=_in_channels(tensors),
        tensors={name: _finite_float32(file, name, tensor) for name, tensor in weights.items()},
        is_published=is_published,
    )


def _own_name(name: str) -> str:
    own = name.removeprefix("module.").removeprefix("base_model.").replace(SHIFTED, ".")
    return own.replace("new_fc.", "classifier.")


def _refuse_variants(file: CheckpointFile, tensors: Mapping[str, Tensor], is_published: bool) -> None:
    channels = _in_channels(tensors)
    is_flow = channels == FLOW_CHANNELS or (channels % 2 == 0 and ONNX_METADATA_KEY in file.metadata)
    variant = None
    if any(".nl." in name for name in tensors):
        variant = "a TSM with non-local blocks, which need the whole clip and cannot be streamed"
    elif channels != 3 and not is_flow:
        variant = f"made for {channels} input channels, neither for RGB frames (3) nor for optical flow (10)"
    elif is_published and not any(SHIFTED in name for name in file.tensors):
        variant = "a TSN: it has no temporal shift and sees single frames alone"
    if variant:
        raise CheckpointError(f"{file.path} is {variant}; {EXPECTED}")


def _in_channels(tensors: Mapping[str, Tensor]) -> int:
    first = tensors.get("features.0.0.weight", tensors.get("conv1.weight"))
    return first.shape[1] if first is not None and first.dim() > 1 else 3


def _architecture(file: CheckpointFile, tensors: Mapping[str, Tensor]) -> tuple[str, float]:
    if "features.0.0.weight" in tensors:
        return "mobilenetv2", _width_mult(tensors)
    if "layer1.0.conv1.weight" in tensors:
        return _resnet(file, tensors), 1.0
    first = next(iter(file.tensors))
    raise CheckpointError(f"{file.path} is another network (it begins with {first!r}); {EXPECTED}")


def _width_mult(tensors: Mapping[str, Tensor]) -> float:
    """The multiplier that explains most stages, so that one wrong tensor is named and not the network."""
    found = [_out_channels(tensors, name) for name in STAGE_ENDS]

    def num_explained(width_mult: float) -> int:
        return sum(a == b for a, b in zip(stage_channels(width_mult), found, strict=True))

    return max(WIDTHS, key=num_explained)


def _resnet(file: CheckpointFile, tensors: Mapping[str, Tensor]) -> str:
    block = Bottleneck if "layer1.0.conv3.weight" in tensors else BasicBlock
    blocks = {tuple(name.split(".")[:2]) for name in tensors}
    layers = tuple(sum(layer == f"layer{i}" for layer, *_ in blocks) for i in (1, 2, 3, 4))
    for depth, known in RESNET_LAYERS.items():
        if known == (block, layers):
            return f"resnet{depth}"
    depths = ", ".join(f"ResNet-{depth}" for depth in RESNET_LAYERS)
    raise CheckpointError(f"{file.path} is a ResNet of {layers} {block.__name__}s; known are {depths}")


def _out_channels(tensors: Mapping[str, Tensor], layer: str) -> int:
    """0 where the layer is missing or has no axis."""
    return next(iter(tensors.get(f"{layer}.weight", torch.empty(0)).shape), 0)


def _check_shapes(
    file: CheckpointFile, tensors: Mapping[str, Tensor], skeleton: Backbone, architecture: str
) -> None:
    problems = list(_shape_problems(tensors, skeleton.state_dict()))
    if len(tensors) != len(file.tensors):
        problems.append("two tensors have the same name but for a prefix")
    if problems:
        more = f" and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
        listed = ", ".join(problems[:MAX_PROBLEMS])
        raise CheckpointError(f"{file.path} does not fit {architecture}: {listed}{more}; {EXPECTED}")


def _shape_problems(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Iterator[str]:
    for name, reference in expected.items():
        if name not in tensors:
            if not name.endswith(COUNTER):
                yield f"{name} is missing"
        elif tensors[name].shape != reference.shape:
            yield f"{name} is {tuple(tensors[name].shape)} instead of {tuple(reference.shape)}"
    yield from (f"{name} is left over" for name in tensors if name not in expected)


def _check_shifted_convs(file: CheckpointFile, skeleton: Backbone) -> None:
    shifted = {_own_name(name).removesuffix(".weight") for name in file.tensors if SHIFTED in name}
    differing = sorted(shifted ^ set(skeleton.shifted_convs))
    if differing:
        odd = ", ".join(differing[:MAX_PROBLEMS])
        raise CheckpointError(
            f"{file.path} has its shifts in other places than the published models (see {odd}); {EXPECTED}"
        )


def _finite_float32(file: CheckpointFile, name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
        raise CheckpointError(f"{file.path}: {name} is not made of finite floats; save the checkpoint again")
    return tensor.float()
