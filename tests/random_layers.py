"""Layers with random weights, in few words."""

from dataclasses import replace

import numpy as np

from tsm_edge.export.layers import (
    Activation,
    Convolution,
    Dense,
    GlobalAveragePool,
    InvertedResidual,
    MaxPool,
    SaveShift,
    Shift,
    Tensor,
)

__all__ = [
    "ACTIVATIONS",
    "convolution",
    "dense",
    "depthwise",
    "inverted_residual",
    "mean",
    "pool",
    "save_shift",
]

ACTIVATIONS: tuple[Activation, ...] = ("none", "relu", "relu6")


def convolution(
    height: int,
    width: int,
    channels: int,
    out_channels: int,
    *,
    kernel: int | tuple[int, int] = 1,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    activation: Activation = "none",
    residual: bool = False,
    shift: int = 0,
    planar: bool = False,
) -> Convolution:
    rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
    rng = np.random.default_rng(out_channels)
    weight = _normal(rng, out_channels, channels // groups, rows, columns)
    out_height = (height + 2 * padding - rows) // stride + 1
    out_width = (width + 2 * padding - columns) // stride + 1
    return Convolution(
        x=Tensor("x", height, width, channels, planar),
        out=Tensor("y", out_height, out_width, out_channels),
        weight=weight,
        bias=_normal(rng, out_channels),
        stride=stride,
        padding=padding,
        groups=groups,
        activation=activation,
        residual=Tensor("z", out_height, out_width, out_channels) if residual else None,
        shift=Shift(0, shift) if shift else None,
    )


def depthwise(
    height: int,
    width: int,
    channels: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    padding: int = 1,
    activation: Activation = "relu6",
) -> Convolution:
    return convolution(
        height,
        width,
        channels,
        channels,
        kernel=kernel,
        stride=stride,
        padding=padding,
        groups=channels,
        activation=activation,
    )


def inverted_residual(
    height: int,
    width: int,
    channels: int,
    hidden: int,
    out_channels: int,
    *,
    stride: int = 1,
    shift: int = 0,
    residual: bool = False,
    expand: Convolution | None = None,
    activation: Activation = "relu6",
) -> InvertedResidual:
    """A block, or with `expand` one that begins with that convolution instead of a 1x1."""
    first = expand or convolution(height, width, channels, hidden, shift=shift, activation=activation)
    plane = first.out.height, first.out.width
    second = depthwise(*plane, hidden, stride=stride, activation=activation)
    third = convolution(second.out.height, second.out.width, hidden, out_channels, residual=residual)
    return InvertedResidual(
        replace(first, out=replace(first.out, name="hidden")),
        replace(second, x=replace(second.x, name="hidden"), out=replace(second.out, name="filtered")),
        replace(third, x=replace(third.x, name="filtered"), residual=third.residual and first.x),
    )


def dense(channels: int, classes: int) -> Dense:
    rng = np.random.default_rng(classes)
    weight, bias = _normal(rng, classes, channels), _normal(rng, classes)
    return Dense(Tensor("x", 1, 1, channels), Tensor("y", 1, 1, classes), weight, bias)


def pool(height: int, width: int, channels: int, kernel: int, stride: int, padding: int) -> MaxPool:
    out = (size + 2 * padding - kernel for size in (height, width))
    x, y = Tensor("x", height, width, channels), Tensor("y", *(size // stride + 1 for size in out), channels)
    return MaxPool(x, y, kernel, stride, padding)


def mean(height: int, width: int, channels: int) -> GlobalAveragePool:
    return GlobalAveragePool(Tensor("x", height, width, channels), Tensor("y", 1, 1, channels))


def save_shift(height: int, width: int, channels: int, fold: int) -> SaveShift:
    return SaveShift(Tensor("x", height, width, channels), Shift(0, fold))


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)
