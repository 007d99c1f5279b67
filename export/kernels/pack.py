"""Weights in the order in which a kernel reads them: one stream per panel of output channels."""

import numpy as np

from tsm_edge.export.layers import Float32Array

__all__ = ["pack_bias", "pack_panels"]


def pack_panels(weight: Float32Array, width: int) -> Float32Array:
    """(out, in, kh, kw) -> (out / width, kh, kw, in, width), the last panel filled up with zeros.

    Args:
        weight: Weights as PyTorch and ONNX hold them.
        width: Output channels of a panel, a kernel's tile width.
    """
    out, channels, height, columns = weight.shape
    panels = -(-out // width)
    padded = np.zeros((panels * width, channels, height, columns), np.float32)
    padded[:out] = weight
    packed = padded.reshape(panels, width, channels, height, columns).transpose(0, 3, 4, 2, 1)
    return np.ascontiguousarray(packed)


def pack_bias(bias: Float32Array, lanes: int, copies: int) -> Float32Array:
    """(channels,) -> (channels / lanes, copies, lanes): each vector `copies` times, for as many accumulators."""
    return np.repeat(bias.reshape(-1, 1, lanes), copies, axis=1)
