"""The network as a short list of fused layers on channels-last tensors: what Relax hands to the kernel rules."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "FLOAT_BYTES",
    "Activation",
    "Convolution",
    "Dense",
    "Float32Array",
    "GlobalAveragePool",
    "InvertedResidual",
    "Layer",
    "MaxPool",
    "Network",
    "SaveShift",
    "Shift",
    "Tensor",
]

FLOAT_BYTES = 4

Activation = Literal["none", "relu", "relu6"]
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tensor:
    """An activation of one frame, float32, channels last: (height, width, channels).

    Attributes:
        planar: True for the frame alone, which arrives as (channels, height, width).
    """

    name: str
    height: int
    width: int
    channels: int
    planar: bool = False

    @property
    def pixels(self) -> int:
        """Height times width."""
        return self.height * self.width

    @property
    def size(self) -> int:
        """Number of floats."""
        return self.pixels * self.channels


@dataclass(frozen=True)
class Shift:
    """A layer's first `channels` input channels come from the previous frame: from shift buffer `buffer`."""

    buffer: int
    channels: int


@dataclass(frozen=True, eq=False)
class Convolution:
    """out = activation(weight * shifted(x) + bias + residual).

    Attributes:
        weight: (out channels, in channels / groups, kernel height, kernel width).
        bias: (out channels,).
        padding: Zeros on each side, in rows and columns alike.
    """

    x: Tensor
    out: Tensor
    weight: Float32Array = field(repr=False)
    bias: Float32Array = field(repr=False)
    stride: int = 1
    padding: int = 0
    groups: int = 1
    activation: Activation = "none"
    residual: Tensor | None = None
    shift: Shift | None = None


@dataclass(frozen=True, eq=False)
class MaxPool:
    """out = the largest of each kernel x kernel window."""

    x: Tensor
    out: Tensor
    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True, eq=False)
class GlobalAveragePool:
    """out = mean over all pixels."""

    x: Tensor
    out: Tensor


@dataclass(frozen=True, eq=False)
class Dense:
    """out = weight @ x + bias, x and out being vectors."""

    x: Tensor
    out: Tensor
    weight: Float32Array = field(repr=False)
    bias: Float32Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class SaveShift:
    """Keep the first channels of x for the next frame, once nobody needs the previous frame's any more."""

    x: Tensor
    shift: Shift


@dataclass(frozen=True, eq=False)
class InvertedResidual:
    """Expansion, depthwise and projection whose hidden tensors nothing else needs: one kernel can do all three."""

    expand: Convolution
    depthwise: Convolution
    project: Convolution


Layer = InvertedResidual | Convolution | MaxPool | GlobalAveragePool | Dense | SaveShift


@dataclass(frozen=True)
class Network:
    """Layers in the order in which they run, from `frame` to `logits`."""

    frame: Tensor
    logits: Tensor
    layers: tuple[Layer, ...]
