"""Real people who make no gesture, shown beside made clips: what a network takes for a hand and is none.

Made people are plainer than real ones, and the face of a person near the camera was a thumb to a network that knew
only those. Footage has no labels: that somebody does "No gesture" or "Doing other things", whichever, is all that the
loss asks for. Hard negatives without a class of their own: Felzenszwalb et al., PAMI 2010, section 4.4.
"""

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.footage import Footage
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.training.gestures.photometry import randomise_photometry
from tsm_edge.export.training.gestures.plan import Plan

__all__ = ["NegativeSupply", "negative_loss"]

_NUMBERS = 2000  # stream of random numbers, beside the generator's own
_PHOTOMETRY_SEED = 1 << 41


class NegativeSupply:
    """Parts of footage as clips, the same for a seed and a number on whatever device.

    Args:
        footage: Videos in which nobody makes a gesture.
        plan: Its seed, and the share of clips in other colours and tones.
        device: Where they lie.
    """

    def __init__(self, footage: Footage, plan: Plan, device: torch.device) -> None:
        self._footage, self._plan = footage.to(device), plan

    def clips(self, start: int, times: Tensor, size: int) -> Tensor:
        """Clips number `start` and on.

        Args:
            start: Number of the first.
            times: Of the frames, seconds, (N, T).
            size: Pixels.

        Returns:
            RGB, (N, T, 3, size, size), uint8.
        """
        numbers = torch.arange(start, start + len(times), device=times.device)
        r = ClipRandom(self._plan.seed, numbers, stream=_NUMBERS)
        shown = self._footage.seen(r, times, size)
        clips = (shown + 0.5).clamp(0, 255).to(torch.uint8)
        generator = torch.Generator().manual_seed(_PHOTOMETRY_SEED + self._plan.seed * 1_000_003 + start)
        return randomise_photometry(clips, self._plan.photometry, generator)


def negative_loss(logits: Tensor, background: Tensor) -> Tensor:
    """Mean of -log P(background) over all frames and of the clips' mean logits, nats.

    Args:
        logits: (N, T, classes).
        background: Classes that are no gesture, (B,).
    """
    clips = torch.cat((logits, logits.mean(1, keepdim=True)), dim=1)
    return -clips.log_softmax(-1)[..., background].logsumexp(-1).mean()
