"""Batch norm folded into the convolution in front of it.

Before: y = gamma * (W x - mean) / sqrt(var + eps) + beta

After: y = W' x + b' with W' = W * gamma / sqrt(var + eps) and b' = beta - mean * gamma / sqrt(var + eps)
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from tsm_edge.export.models.backbone import Backbone
from tsm_edge.export.models.clip_model import ClipModel

__all__ = ["conv_norm_pairs", "fold_batch_norm", "inference_copy"]


def fold_batch_norm(backbone: Backbone) -> Backbone:
    """A copy in evaluation mode whose convolutions have biases and whose batch norms are gone.

    Parameter names stay: `features.0.0.weight` holds the folded weights, `features.0.0.bias` is new. Products
    are taken in float64 and rounded once.
    """
    folded = deepcopy(backbone).eval()
    for _, parent, conv_name, norm_name in list(conv_norm_pairs(folded)):
        conv, norm = parent.get_submodule(conv_name), parent.get_submodule(norm_name)
        parent.set_submodule(conv_name, _fold(conv, norm))
        parent.set_submodule(norm_name, nn.Identity())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    return folded


def inference_copy(model: ClipModel) -> ClipModel:
    """A folded copy in evaluation mode, laid out channels last: what answers fastest on processors."""
    copy = ClipModel(fold_batch_norm(model.backbone), model.spec, model.mode).eval()
    convert_conv2d_weight_memory_format(copy, torch.channels_last)
    return copy


def conv_norm_pairs(backbone: Backbone) -> Iterator[tuple[str, nn.Module, str, str]]:
    """Names of the convolutions and of the batch norms behind them, after their parent's name and the parent.

    Backbones declare a batch norm right after its convolution, in a Sequential as well as by attribute.
    """
    for name, parent in backbone.named_modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(parent.named_children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                yield name, parent, conv_name, norm_name


def _fold(conv: nn.Module, norm: nn.Module) -> nn.Module:
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(conv.double(), norm.double()).float()
