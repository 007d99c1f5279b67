"""Colours of skin, hair, cloth and rooms, in linear RGB as shares of white."""

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.random_numbers import ClipRandom

__all__ = ["GREY", "cloth_colour", "common_colour", "hair_colour", "skin_colour"]

# From light to dark, sRGB: skin under daylight, between the tones of the Monk scale.
_SKIN = (
    (243, 213, 196),
    (231, 190, 165),
    (217, 168, 138),
    (193, 140, 108),
    (158, 107, 78),
    (118, 76, 54),
    (82, 54, 41),
    (58, 40, 33),
)
_HAIR = (
    (22, 18, 16),
    (38, 27, 21),
    (66, 45, 30),
    (104, 74, 46),
    (158, 124, 82),
    (120, 114, 110),
    (196, 190, 184),
    (120, 58, 32),
)
GREY = (0.2126, 0.7152, 0.0722)


def _linear(colours: tuple[tuple[int, int, int], ...], device: torch.device) -> Tensor:
    return (torch.tensor(colours, device=device) / 255.0).pow(2.2)


def skin_colour(r: ClipRandom) -> Tensor:
    """(N, 3), with more or less blood in it."""
    tones = _linear(_SKIN, r.device)
    at = r.unit().pow(1.25) * (len(tones) - 1.001)  # the darkest are rarer in recordings
    tone = torch.lerp(tones[at.long()], tones[at.long() + 1], at.frac()[:, None])
    blood = r.normal(0.07)
    tint = torch.stack((1 + blood, 1 - 0.7 * blood, 1 - 0.8 * blood + r.normal(0.05)), dim=1)
    return tone * tint * r.log_uniform(0.8, 1.2)[:, None]


def hair_colour(r: ClipRandom) -> Tensor:
    """(N, 3), mostly dark."""
    tones = _linear(_HAIR, r.device)
    return tones[r.pick((5, 5, 4, 2.5, 1.5, 1, 0.6, 0.7))] * r.log_uniform(0.6, 1.4)[:, None]


def cloth_colour(r: ClipRandom, muted: float) -> Tensor:
    """(N, 3): black, white and grey first, then muted colours, few bright ones."""
    bright = common_colour(r, muted, low=0.02, high=0.7)
    plain = r.log_uniform(0.01, 0.8)[:, None] * (1 + r.normal(0.06, 3))
    return torch.where(r.chance(0.45)[:, None], plain, bright)


def common_colour(
    r: ClipRandom, muted: float, low: float = 0.05, high: float = 0.8, shape: tuple[int, ...] = ()
) -> Tensor:
    """(N, *shape, 3): any hue, on average `muted` of the way to grey."""
    hue = r.unit(*shape, 3)
    hue = hue / hue.mean(-1, keepdim=True).clamp(min=0.05)
    colourful = r.unit(*shape, 1).pow(0.5 + 2.5 * muted)
    return r.log_uniform(low, high, *shape, 1) * torch.lerp(torch.ones_like(hue), hue, colourful)
