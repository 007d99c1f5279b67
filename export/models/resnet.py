"""ResNet-18, -50 and -101 with the shift in front of each block's first convolution ("blockres").

Source: He et al., Deep Residual Learning, arXiv:1512.03385, table 1, the stride of a bottleneck on its 3x3
convolution; names and places of the shift as in the published TSM models, which shift every second block of a
network that has a layer list of 23 blocks or more.
"""

from torch import Tensor, nn
from torch.nn import functional

from tsm_edge.export.models.backbone import Backbone, conv_bn
from tsm_edge.export.models.temporal_shift import Shift

__all__ = ["RESNET_LAYERS", "ResNet"]

STEM_CHANNELS = 64
LONG_LAYER = 23


class _Residual(nn.Module):
    """What both kinds of block share: the shortcut, and a residual branch whose input may be shifted."""

    expansion: int
    last_norm: str

    def __init__(self, in_channels: int, channels: int, stride: int, is_shifted: bool) -> None:
        super().__init__()
        self.is_shifted = is_shifted
        self._add_branch(in_channels, channels, stride)
        out_channels = channels * self.expansion
        keeps_shape = stride == 1 and in_channels == out_channels
        self.downsample = (
            None if keeps_shape else nn.Sequential(*conv_bn(in_channels, out_channels, 1, stride))
        )

    def _add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        raise NotImplementedError

    def _branch(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor, shift: Shift) -> Tensor:
        """Features (B, C, H, W) to (B, channels * expansion, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(shortcut + self._branch(shift(x) if self.is_shifted else x))


class BasicBlock(_Residual):
    """Two 3x3 convolutions."""

    expansion = 1
    last_norm = "bn2"

    def _add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        self.conv1, self.bn1 = conv_bn(in_channels, channels, 3, stride)
        self.conv2, self.bn2 = conv_bn(channels, channels, 3)

    def _branch(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.bn2(self.conv2(x))
        return out


class Bottleneck(_Residual):
    """1x1, 3x3 and 1x1 convolutions around a quarter of the channels."""

    expansion = 4
    last_norm = "bn3"

    def _add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        self.conv1, self.bn1 = conv_bn(in_channels, channels, 1)
        self.conv2, self.bn2 = conv_bn(channels, channels, 3, stride)
        self.conv3, self.bn3 = conv_bn(channels, channels * self.expansion, 1)

    def _branch(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        out: Tensor = self.bn3(self.conv3(x))
        return out


# Kind of block and blocks in each of the four layers, by depth.
RESNET_LAYERS: dict[int, tuple[type[_Residual], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}


class ResNet(Backbone):
    """ResNet over single frames; state_dict names are the published ones, but for the classifier's."""

    first_conv = "conv1"

    def __init__(self, num_classes: int, depth: int, in_channels: int = 3) -> None:
        super().__init__()
        block, num_blocks = RESNET_LAYERS[depth]
        shift_every = 2 if max(num_blocks) >= LONG_LAYER else 1
        self.conv1, self.bn1 = conv_bn(in_channels, STEM_CHANNELS, 7, stride=2)
        self.layer1 = _layer(block, STEM_CHANNELS, 64, 1, num_blocks[0], shift_every)
        self.layer2 = _layer(block, 64 * block.expansion, 128, 2, num_blocks[1], shift_every)
        self.layer3 = _layer(block, 128 * block.expansion, 256, 2, num_blocks[2], shift_every)
        self.layer4 = _layer(block, 256 * block.expansion, 512, 2, num_blocks[3], shift_every)
        self.classifier = nn.Linear(512 * block.expansion, num_classes)
        blocks = {name: module for name, module in self.named_modules() if isinstance(module, _Residual)}
        self.shifted_convs = tuple(f"{name}.conv1" for name, module in blocks.items() if module.is_shifted)
        self.residual_norms = tuple(f"{name}.{module.last_norm}" for name, module in blocks.items())

    def forward(self, frames: Tensor, shift: Shift) -> Tensor:
        """Logits (B, num_classes) of normalised frames (B, in_channels, H, W)."""
        x = functional.relu(self.bn1(self.conv1(frames)))
        x = functional.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in layer:
                x = block(x, shift)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


def _layer(
    block: type[_Residual], in_channels: int, channels: int, stride: int, num_blocks: int, shift_every: int
) -> nn.Sequential:
    out_channels = channels * block.expansion
    return nn.Sequential(
        *(
            block(out_channels if i else in_channels, channels, 1 if i else stride, i % shift_every == 0)
            for i in range(num_blocks)
        )
    )
