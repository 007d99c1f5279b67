"""Learning with batch norm's statistics as they are: each norm becomes part of the convolution in front of it.

Scales and offsets learn on, through the folded weights of `tsm_edge.export.fold`. Nothing passes over the activations
for the norms then, which on a processor is a third of a step. Frozen statistics are what fine-tuning of video networks
does anyhow: partial batch norm, Wang et al., Temporal Segment Networks, arXiv:1608.00859, section 3.2.
"""

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
        for module in backbone.modules():
            if isinstance(module, (nn.ReLU, nn.ReLU6)):
                module.inplace = True  # no convolution needs its output to learn
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


def _joined(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name
