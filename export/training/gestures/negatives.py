"""Real people who make no gesture, shown beside made clips: what a network takes for a hand and is none.

Made people are plainer than real ones, and the face of a person near the camera was a thumb to a network that knew
only those. Footage has no labels: that somebody does "No gesture" or "Doing other things", whichever, is all that the
loss asks for. Hard negatives without a class of their own: Felzenszwalb et al., PAMI 2010, section 4.4.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.export.data.gestures.footage import Footage
from tsm_edge.export.data.gestures.picture_files import FOOTAGE_FPS
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
        """Clips number `start` and on: a square of 0.45 to 1 of a video's height, moving and zooming a little.

        Args:
            start: Number of the first.
            times: Of the frames, seconds, (N, T).
            size: Pixels.

        Returns:
            RGB, (N, T, 3, size, size), uint8.
        """
        n, t = times.shape
        r = ClipRandom(self._plan.seed, torch.arange(start, start + n, device=times.device), stream=_NUMBERS)
        shown = self._footage.frames[self._places(r, times).flatten()].float()
        height, width = shown.shape[-2:]
        across = torch.where(r.chance(0.5), -1.0, 1.0)[:, None]  # some are mirrored
        zoom = r.uniform(0.45, 1.0, 1) * (1 + r.normal(0.03, 1) * times)
        zoom = zoom.clamp(0.3, 1.0)
        drift = r.normal(0.06, 2)[:, None] * times[..., None] / 2
        middle = (r.uniform(-1, 1, 2)[:, None] + drift).clamp(-1, 1)
        steps = (torch.arange(size, device=times.device) + 0.5) / size * 2 - 1
        wide = zoom * height / width
        gx = across[..., None] * steps * wide[..., None] + (middle[..., 0] * (1 - wide))[..., None]
        gy = steps * zoom[..., None] + (middle[..., 1] * (1 - zoom))[..., None]
        grid = torch.stack(
            (gx[:, :, None].expand(-1, -1, size, -1), gy[..., None].expand(-1, -1, -1, size)), dim=-1
        )
        seen = functional.grid_sample(
            shown, grid.flatten(0, 1), mode="bilinear", padding_mode="border", align_corners=False
        )
        gain = r.log_uniform(0.5, 1.5).repeat_interleave(t)[:, None, None, None]
        clips = (seen * gain + 0.5).clamp(0, 255).to(torch.uint8).view(n, t, 3, size, size)
        generator = torch.Generator().manual_seed(_PHOTOMETRY_SEED + self._plan.seed * 1_000_003 + start)
        return randomise_photometry(clips, self._plan.photometry, generator)

    def _places(self, r: ClipRandom, times: Tensor) -> Tensor:
        """Which frame of the footage is seen when, (N, T): to and fro, so that no video ends."""
        starts = self._footage.starts
        video = (r.unit() * (len(starts) - 1)).long()
        begin, length = starts[video][:, None], (starts[video + 1] - starts[video])[:, None]
        turn = (2 * length - 2).clamp(min=1)
        at = ((r.unit()[:, None] * length).long() + (times * FOOTAGE_FPS).long()) % turn
        return begin + torch.minimum(at, turn - at).clamp(min=0)


def negative_loss(logits: Tensor, background: Tensor) -> Tensor:
    """Mean of -log P(background) over all frames and of the clips' mean logits, nats.

    Args:
        logits: (N, T, classes).
        background: Classes that are no gesture, (B,).
    """
    clips = torch.cat((logits, logits.mean(1, keepdim=True)), dim=1)
    return -clips.log_softmax(-1)[..., background].logsumexp(-1).mean()
