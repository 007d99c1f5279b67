"""Movements as people make them: near what was written, and never quite it.

The scripts say how a gesture is made by the book. A network that saw nothing else reads others' ways worse: half-closed
hands, tilted forearms, short or wide strokes, other tempi.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.export.data.gestures.motion import BENDS, LENGTH, PLACE, SPREAD, THUMB, TURN, Motion
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.rotations import compose

__all__ = ["loosened"]

_LOW = 1.15  # frame heights from the top: hands below it rest, and stay out of the picture
_DEGREE = math.pi / 180


def loosened(r: ClipRandom, motion: Motion, loose: float) -> Motion:
    """The same movements in each clip's own manner.

    Args:
        r: The clips' random numbers.
        motion: Movements of N clips.
        loose: How far manners go, from 0 (not at all); each clip has its own share of it, 0 to all.
    """
    style = r.unit() * loose
    keys = motion.keys.clone()
    steps = keys.shape[1]
    keys[..., PLACE] = _moved(r, motion, style)
    keys[..., LENGTH] *= (r.normal(0.05, steps) * style[:, None]).exp()
    whole = _tilt(r.normal(15 * _DEGREE, 3), style)
    single = _tilt(r.normal(6 * _DEGREE, steps, 3), style[:, None])
    keys[..., TURN] = compose(whole[:, None].expand(-1, steps, -1), single, keys[..., TURN])
    curl = (r.uniform(0, 0.4) * style)[:, None, None] * r.uniform(0.6, 1.0, 1, 4)
    bends = keys[..., BENDS]
    keys[..., BENDS] = bends + curl * (1 - bends).clamp(min=0)
    keys[..., SPREAD] += (r.normal(0.25) * style)[:, None]
    keys[..., THUMB] += (r.normal(0.1, 3) * style[:, None])[:, None]
    tempo = (r.normal(0.22) * style).exp()[:, None]
    return replace(
        motion,
        keys=keys,
        times=motion.times * tempo,
        stroke=motion.stroke * tempo,
        told=motion.told * tempo,
    )


def _moved(r: ClipRandom, motion: Motion, style: Tensor) -> Tensor:
    """Wrists' places, (N, K, 2): wider or shorter about the stroke's middle, and a little beside."""
    places = motion.keys[..., PLACE]
    start, end = motion.stroke[:, :1], motion.stroke[:, 1:]
    within = ((motion.times >= start - 1e-3) & (motion.times <= end + 1e-3)).to(places.dtype)[..., None]
    middle = (places * within).sum(1, keepdim=True) / within.sum(1, keepdim=True).clamp(min=1)
    wide = (r.normal(0.22) * style).exp()[:, None, None]
    raised = places[..., 1:] < _LOW
    moved = torch.where(raised, middle + (places - middle) * wide, places)
    return moved + r.normal(0.02, places.shape[1], 2) * style[:, None, None]


def _tilt(angles: Tensor, style: Tensor) -> Tensor:
    """Quaternions of small turns about any axis, `angles` (..., 3) in radians."""
    vector = angles * style[..., None] / 2
    return functional.normalize(torch.cat((torch.ones_like(vector[..., :1]), vector), dim=-1), dim=-1)
