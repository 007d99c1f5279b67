"""What every backbone is: a 2D network that calls a shift in front of its shifted convolutions."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from tsm_edge.export.models.temporal_shift import Shift

__all__ = ["Backbone", "conv_bn"]


class Backbone(nn.Module, ABC):
    """A 2D network over single frames. The shift it is given is all it knows of time.

    Attributes:
        classifier: The last layer; its output is the logits.
        first_conv: Name of the convolution that sees the frames.
        shifted_convs: Names of the convolutions whose input is shifted, in the order in which they run.
        residual_norms: Names of the batch norms that end a residual branch.
    """

    classifier: nn.Linear
    first_conv: str
    shifted_convs: tuple[str, ...]
    residual_norms: tuple[str, ...]

    @abstractmethod
    def forward(self, frames: Tensor, shift: Shift) -> Tensor:
        """Logits (B, num_classes) of normalised frames (B, in_channels, H, W); H and W are multiples of 16."""


def conv_bn(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution that keeps the size but for its stride, and its batch norm."""
    conv = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False
    )
    return conv, nn.BatchNorm2d(out_channels)
