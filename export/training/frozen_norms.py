"""Learning with batch norm's statistics as they are: each norm becomes part of the convolution in front of it.

Scales and offsets learn on, through the folded weights of `tsm_edge.export.fold`. Nothing passes over the activations
for the norms then, which on a processor is a third of a step, and activations are clamped where they lie. Frozen
statistics are what fine-tuning of video networks does anyhow: partial batch norm, Wang et al., Temporal Segment
Networks, arXiv:1608.00859, section 3.2.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tsm_edge.export.fold import conv_norm_pairs, fold_batch_norm
from tsm_edge.export.models.clip_model import ClipModel

__all__ = ["FrozenNorms"]


class FrozenNorms(nn.Module):
    """A clip model in evaluation mode whose answers have gradients for the weights of `model`.

    Args:
        model: Owns the weights; not copied, and not registered as a part of this module.
    """

    def __init__(self, model: ClipModel) -> None:
        super().__init__()
        backbone = fold_batch_norm(model.backbone).requires_grad_(False)
        for parent, name, module in list(_children(backbone)):
            if isinstance(module, nn.ReLU):
                module.inplace = True  # no convolution needs its output to learn
            elif isinstance(module, nn.ReLU6):
                setattr(parent, name, _Clamp(module.min_val, module.max_val))
            elif isinstance(module, nn.Conv2d) and module.groups > 1 and module.stride != (1, 1):
                setattr(parent, name, _Float32Conv(module))
        self.folded = ClipModel(backbone, model.spec, model.mode)
        self._weights = dict(model.backbone.named_parameters())
        self._norms: dict[str, nn.BatchNorm2d] = {}
        folded = set()
        for name, parent, conv, norm in conv_norm_pairs(model.backbone):
            module = parent.get_submodule(norm)
            assert isinstance(module, nn.BatchNorm2d)
            self._norms[_joined(name, conv)] = module
            folded |= {_joined(name, conv), _joined(name, norm)}
        self._others = [name for name in self._weights if name.rpartition(".")[0] not in folded]

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of every frame, as `ClipModel.forward` gives them in evaluation mode."""
        weights: dict[str, Tensor] = {f"backbone.{name}": self._weights[name] for name in self._others}
        for conv, norm in self._norms.items():
            assert norm.running_mean is not None and norm.running_var is not None
            scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            weights[f"backbone.{conv}.weight"] = self._weights[f"{conv}.weight"] * scale[:, None, None, None]
            weights[f"backbone.{conv}.bias"] = norm.bias - norm.running_mean * scale
        logits: Tensor = functional_call(self.folded, weights, (clips,))
        return logits


class _ClampInPlace(torch.autograd.Function):
    """Clamps without the copy of its input that PyTorch's ReLU6 keeps; the result tells where gradients pass."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, low: float, high: float) -> Tensor:
        values.clamp_(low, high)
        ctx.mark_dirty(values)
        ctx.save_for_backward(values)
        ctx.bounds = low, high
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (result,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradients[0], result, *ctx.bounds), None, None


class _Clamp(nn.Module):
    """ReLU6 in place, where the input is a convolution's own output."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self._bounds = low, high

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = _ClampInPlace.apply(values, *self._bounds)  # type: ignore[no-untyped-call]
        return result


class _Float32Conv(nn.Conv2d):
    """A depthwise convolution with a stride: its gradients in bfloat16 take a processor 8 to 25 times as long."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(
            conv.in_channels, conv.out_channels, conv.kernel_size, groups=conv.groups,  # type: ignore[arg-type]
        )  # fmt: skip
        self.stride, self.padding = conv.stride, conv.padding
        self.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        if input.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super().forward(input.float())
        return super().forward(input)


def _children(module: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    for parent in module.modules():
        for name, child in parent.named_children():
            yield parent, name, child


def _joined(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name
