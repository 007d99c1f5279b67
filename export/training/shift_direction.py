"""From the uni-directional shift to the bi-directional one, keeping what was learned of the past.

The online shift takes the first eighth of the channels from the frame before; the offline one takes it from the frame
after, and the second eighth from the frame before. Weights for the one would read time backwards in the other. With
both eighths exchanged wherever channels are written and read, the past stays the past, and one eighth of the channels
has to learn that it comes from the frame after now.
"""

import torch
from torch import Tensor, nn

from tsm_edge.export.models.mobilenet_v2 import InvertedResidual, MobileNetV2

__all__ = ["exchange_shifted_channels"]


@torch.no_grad()
def exchange_shifted_channels(backbone: MobileNetV2, shift_div: int = 8) -> None:
    """Exchange the first two of `shift_div` parts of all channels that pass through a shift, in place.

    Without a shift the network answers as before, but for rounding.
    """
    blocks = [layer for layer in backbone.features if isinstance(layer, InvertedResidual)]
    for number, block in enumerate(blocks):
        following = blocks[number + 1] if number + 1 < len(blocks) else None
        if not block.is_residual and not (following and following.is_residual):
            continue
        projection, norm = block.conv[-2], block.conv[-1]
        assert isinstance(projection, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        order = _exchanged(projection.out_channels, shift_div)
        projection.weight.copy_(projection.weight[order])
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert values is not None
            values.copy_(values[order])
        reader = following.conv[0] if following else backbone.features[-1][0]  # type: ignore[index]
        assert isinstance(reader, nn.Conv2d)
        reader.weight.copy_(reader.weight[:, order])


def _exchanged(channels: int, shift_div: int) -> Tensor:
    fold = channels // shift_div
    order = torch.arange(channels)
    order[: 2 * fold] = torch.cat((order[fold : 2 * fold], order[:fold]))
    return order
