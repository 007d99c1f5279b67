"""What single frames are asked for, beside the clip as a whole."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.export.data.gestures import DenseLabels

__all__ = ["background_loss", "late_frames_loss"]

_EVENT_SECONDS = 1.0  # after a stroke's end an event still counts as its own
_CONSECUTIVE_SECONDS = 0.26  # from frame to frame; clips of 8 frames have more between them


def late_frames_loss(logits: Tensor, labels: Tensor, dense: DenseLabels) -> Tensor:
    """Cross entropy of single frames from the second half of the stroke on; without a stroke, of all frames."""
    stroke = dense.phase == 2
    seen = stroke.cumsum(1).float() / stroke.sum(1, keepdim=True).clamp(min=1)
    late = (seen >= 0.5) | (dense.phase == 3)
    late |= ~stroke.any(1, keepdim=True)
    wanted = labels[:, None].expand(-1, logits.shape[1])
    losses = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none").view_as(late)
    return (losses * late).sum() / late.sum().clamp(min=1)


def background_loss(logits: Tensor, labels: Tensor, background: Tensor, dense: DenseLabels) -> Tensor:
    """How far the background's probability is below a half, in nats, in frames of a gesture's clip without gesture."""
    times, phase = dense.times, dense.phase
    end = torch.where(phase == 2, times, -torch.inf).amax(1, keepdim=True)
    outside = (phase == 1) | ((phase == 3) & (times > end + _EVENT_SECONDS))
    consecutive = times[:, 1:2] - times[:, :1] < _CONSECUTIVE_SECONDS
    outside &= consecutive & ~torch.isin(labels, background)[:, None]
    likely = logits.log_softmax(-1)[..., background].logsumexp(-1)
    losses = (-math.log(2) - likely).clamp(min=0)
    return (losses * outside).sum() / outside.sum().clamp(min=1)
