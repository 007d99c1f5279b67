"""What one layer computes, in the words of torch and in float64; and random inputs for it."""

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

from tsm_edge.export.layers import (
    Convolution,
    Dense,
    GlobalAveragePool,
    InvertedResidual,
    Layer,
    Network,
    SaveShift,
    Tensor,
)

__all__ = ["Arrays", "random_inputs", "reference", "run_network"]

Arrays = Mapping[str, np.ndarray]


def random_inputs(layer: Layer, scale: float, seed: int) -> dict[str, np.ndarray]:
    """Every tensor and shift buffer that the layer reads, in the layout that it has in memory."""
    rng = np.random.default_rng(seed)
    first, last = (layer.expand, layer.project) if isinstance(layer, InvertedResidual) else (layer, layer)
    shapes = {first.x.name: _shape(first.x)}
    if isinstance(first, Convolution) and first.shift:
        shapes[f"shift_buffer_{first.shift.buffer}"] = (first.x.height, first.x.width, first.shift.channels)
    if isinstance(last, Convolution) and last.residual:
        shapes[last.residual.name] = _shape(last.residual)
    return {name: (scale * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}


def _shape(tensor: Tensor) -> tuple[int, int, int]:
    plane = tensor.height, tensor.width
    return (tensor.channels, *plane) if tensor.planar else (*plane, tensor.channels)


def reference(layer: Layer, inputs: Arrays) -> tuple[np.ndarray, float]:
    """The layer's result, (H, W, C), and the scale of its rounding errors."""
    if isinstance(layer, InvertedResidual):
        return _inverted_residual(layer, inputs)
    x = inputs[layer.x.name].astype(np.float64)
    if isinstance(layer, Convolution):
        return _convolution(layer, x, inputs)
    if isinstance(layer, Dense):
        y, magnitude = layer.weight @ x.ravel() + layer.bias, np.abs(layer.weight) @ np.abs(x.ravel())
        return y[None, None], _largest(magnitude)
    if isinstance(layer, GlobalAveragePool):
        return x.mean((0, 1), keepdims=True), _largest(x)
    if isinstance(layer, SaveShift):
        return x[..., : layer.shift.channels], 0.0
    planes = torch.from_numpy(x).movedim(-1, 0)[None]
    largest = functional.max_pool2d(planes, layer.kernel, layer.stride, layer.padding)
    return largest[0].movedim(0, -1).numpy(), 0.0


def _inverted_residual(block: InvertedResidual, inputs: Arrays) -> tuple[np.ndarray, float]:
    hidden, _ = _convolution(block.expand, inputs[block.expand.x.name].astype(np.float64), inputs)
    filtered, _ = _convolution(block.depthwise, hidden, inputs)
    projected, magnitude = _convolution(block.project, filtered, inputs)
    return projected, 3 * magnitude  # every layer adds its share


def _convolution(layer: Convolution, x: np.ndarray, inputs: Arrays) -> tuple[np.ndarray, float]:
    if layer.x.planar:
        x = np.moveaxis(x, 0, -1)
    if layer.shift:
        x[..., : layer.shift.channels] = inputs[f"shift_buffer_{layer.shift.buffer}"]
    y = _conv2d(layer, x, layer.weight, layer.bias)
    magnitude = _largest(_conv2d(layer, np.abs(x), np.abs(layer.weight), np.abs(layer.bias)))
    if layer.residual:
        y = y + inputs[layer.residual.name]
        magnitude += _largest(inputs[layer.residual.name])
    bounds = {"none": (-np.inf, np.inf), "relu": (0, np.inf), "relu6": (0, 6)}[layer.activation]
    return np.clip(y, *bounds), magnitude


def _conv2d(layer: Convolution, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    planes = torch.from_numpy(x).movedim(-1, 0)[None]
    parameters = (torch.from_numpy(array.astype(np.float64)) for array in (weight, bias))
    y = functional.conv2d(planes, *parameters, layer.stride, layer.padding, groups=layer.groups)
    return y[0].movedim(0, -1).numpy()


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())


def run_network(network: Network, inputs: Arrays) -> dict[str, np.ndarray]:
    """Every value that the layers make, run in their order, shift buffers as they are afterwards.

    Args:
        network: Fused layers.
        inputs: The frame and the shift buffers in the ONNX model's layout, NCHW.
    """
    values = {name: np.moveaxis(array[0], 0, -1).copy() for name, array in inputs.items()}
    values[network.frame.name] = inputs["frame"][0]
    for layer in network.layers:
        result, _ = reference(layer, values)
        name = f"shift_buffer_{layer.shift.buffer}" if isinstance(layer, SaveShift) else _out(layer).name
        values[name] = result
    return values


def _out(layer: Layer) -> Tensor:
    assert not isinstance(layer, SaveShift)
    return layer.project.out if isinstance(layer, InvertedResidual) else layer.out
