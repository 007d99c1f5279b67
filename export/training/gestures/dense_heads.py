"""Heads that tell what the hand does in every frame.

They exist while training only: where a hand is and how it is held is learned in some thousand clips, and gestures are
read from it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsm_edge.export.data.gestures import DenseLabels

__all__ = ["DenseHeads"]

# Velocities in picture sizes a second; a fast stroke has 3.
_SPEED = 2.0


# What is told of a frame and how many numbers that takes; four phases follow.
_NAMES = ("presence", "centre", "length", "palm", "fingers", "flexion", "velocity")
_SIZES = [1, 2, 1, 3, 3, 1, 2]
_PHASES = 4


class DenseHeads(nn.Module):
    """One linear layer on the features in front of the classifier."""

    def __init__(self, num_features: int, seed: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, sum(_SIZES) + _PHASES)
        nn.init.normal_(self.linear.weight, std=0.01, generator=torch.Generator().manual_seed(seed))
        nn.init.zeros_(self.linear.bias)

    def loss(self, features: Tensor, dense: DenseLabels) -> Tensor:
        """Mean loss of all heads.

        Args:
            features: (N, T, num_features).
            dense: Labels of these frames.
        """
        out = self.linear(features)
        parts: dict[str, Tensor] = dict(
            zip(_NAMES, torch.split(out[..., :-_PHASES], _SIZES, dim=-1), strict=True)
        )
        there = dense.presence
        loss = functional.binary_cross_entropy_with_logits(parts["presence"][..., 0], there)
        targets = {
            "centre": dense.centre * 2 - 1,
            "length": dense.length[..., None] * 2,
            "palm": dense.palm,
            "fingers": dense.fingers,
            "flexion": dense.flexion[..., None],
            "velocity": (dense.velocity / _SPEED).clamp(-1.5, 1.5),
        }
        weight = there / there.sum().clamp(min=1)
        for name, target in targets.items():
            apart = functional.smooth_l1_loss(parts[name], target, reduction="none", beta=0.2).mean(-1)
            loss = loss + (apart * weight).sum()
        phase = functional.cross_entropy(out[..., -_PHASES:].flatten(0, 1), dense.phase.flatten())
        return loss + 0.5 * phase

    @torch.no_grad()
    def centre_error(self, features: Tensor, dense: DenseLabels) -> Tensor:
        """Mean distance of told and true hand centres where a hand is, picture sizes."""
        told = (self.linear(features)[..., 1:3] + 1) / 2
        weight = dense.presence / dense.presence.sum().clamp(min=1)
        apart: Tensor = torch.linalg.vector_norm(told - dense.centre, dim=-1)
        return (apart * weight).sum()
