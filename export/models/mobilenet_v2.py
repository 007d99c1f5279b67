"""MobileNetV2 with the shift in its ten residual blocks.

Source: Sandler et al., MobileNetV2, arXiv:1801.04381, table 2; channels, names and places of the shift as in
the published TSM models: the first two layers keep their width whatever the multiplier is, other widths are
rounded up to multiples of eight, and the last layer never gets narrower than 1280.
"""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from tsm_edge.export.models.backbone import Backbone, conv_bn
from tsm_edge.export.models.temporal_shift import Shift

__all__ = ["STAGE_ENDS", "MobileNetV2", "stage_channels"]

STEM_CHANNELS = 32
LAST_CHANNELS = 1280


@dataclass(frozen=True)
class _Stage:
    expand_ratio: int
    channels: int
    num_blocks: int
    stride: int


_STAGES = (
    _Stage(1, 16, 1, 1),
    _Stage(6, 24, 2, 2),
    _Stage(6, 32, 3, 2),
    _Stage(6, 64, 4, 2),
    _Stage(6, 96, 3, 1),
    _Stage(6, 160, 3, 2),
    _Stage(6, 320, 1, 1),
)

# Convolutions that put out what `stage_channels` tells.
STAGE_ENDS = (
    "features.1.conv.3",
    "features.3.conv.6",
    "features.6.conv.6",
    "features.10.conv.6",
    "features.13.conv.6",
    "features.16.conv.6",
    "features.17.conv.6",
    "features.18.0",
)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; where shapes allow a sum, a shifted residual branch."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expand_ratio: int) -> None:
        super().__init__()
        hidden = in_channels * expand_ratio
        expansion = [*conv_bn(in_channels, hidden, 1), nn.ReLU6()] if expand_ratio > 1 else []
        depthwise = [*conv_bn(hidden, hidden, 3, stride, groups=hidden), nn.ReLU6()]
        self.is_residual = stride == 1 and in_channels == out_channels
        self.conv = nn.Sequential(*expansion, *depthwise, *conv_bn(hidden, out_channels, 1))

    def forward(self, x: Tensor, shift: Shift) -> Tensor:
        """Features (B, C, H, W) to (B, out_channels, H / stride, W / stride)."""
        out: Tensor = x + self.conv(shift(x)) if self.is_residual else self.conv(x)
        return out


class MobileNetV2(Backbone):
    """MobileNetV2 over single frames; state_dict names are those of the published models."""

    first_conv = "features.0.0"

    def __init__(self, num_classes: int, width_mult: float = 1.0, in_channels: int = 3) -> None:
        super().__init__()
        blocks = _blocks(width_mult)
        *_, last_in, last_out = stage_channels(width_mult)
        stem = nn.Sequential(*conv_bn(in_channels, STEM_CHANNELS, 3, stride=2), nn.ReLU6())
        last = nn.Sequential(*conv_bn(last_in, last_out, 1), nn.ReLU6())
        self.features = nn.Sequential(stem, *blocks, last)
        self.classifier = nn.Linear(last_out, num_classes)
        residual = [f"features.{i}" for i, block in enumerate(blocks, start=1) if block.is_residual]
        self.shifted_convs = tuple(f"{name}.conv.0" for name in residual)
        self.residual_norms = tuple(f"{name}.conv.7" for name in residual)

    def forward(self, frames: Tensor, shift: Shift) -> Tensor:
        """Logits (B, num_classes) of normalised frames (B, in_channels, H, W)."""
        x = frames
        for layer in self.features:
            x = layer(x, shift) if isinstance(layer, InvertedResidual) else layer(x)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


def stage_channels(width_mult: float) -> tuple[int, ...]:
    """Channels that each of the seven stages and the last convolution put out."""
    stages = (
        _scaled(stage.channels, width_mult) if stage.expand_ratio > 1 else stage.channels for stage in _STAGES
    )
    return (*stages, _scaled(LAST_CHANNELS, max(width_mult, 1.0)))


def _blocks(width_mult: float) -> list[InvertedResidual]:
    blocks: list[InvertedResidual] = []
    in_channels = STEM_CHANNELS
    for stage, out_channels in zip(_STAGES, stage_channels(width_mult), strict=False):
        for i in range(stage.num_blocks):
            stride = stage.stride if i == 0 else 1
            blocks.append(InvertedResidual(in_channels, out_channels, stride, stage.expand_ratio))
            in_channels = out_channels
    return blocks


def _scaled(channels: int, width_mult: float) -> int:
    return 8 * math.ceil(channels * width_mult / 8)
