"""Made rooms: a wall, perhaps a corner, floor or ceiling, and things in front of it, from shelves to windows."""

import math

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.colours import common_colour
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.textures import blurred, clip_noise, inside
from tsm_edge.export.data.gestures.world import World

__all__ = ["paint_rooms"]

_THINGS = ("plain", "framed", "shelf", "curtain", "window", "lamp", "plant", "cushion")
_WEIGHTS = (3.0, 2.5, 2.2, 1.3, 1.2, 0.8, 1.0, 1.6)


def paint_rooms(r: ClipRandom, world: World, size: int, aspect: Tensor) -> Tensor:
    """Rooms (N, 3, size, size), linear.

    Args:
        r: Random numbers of the clips.
        world: How cluttered and how grey.
        size: Pixels of the picture.
        aspect: Width of what the picture shows over its height, (N,).
    """
    lone = (slice(None), None, None)
    steps = (torch.arange(size, device=r.device) + 0.5) / size * 2 - 1
    y = steps[None, :, None].expand(len(r), size, size)
    x = steps[None, None].expand(len(r), size, size) * aspect[lone]
    soft = 2.5 / size
    grain, coarse = clip_noise(r, 22, size)[:, 0], clip_noise(r, 4, size)[:, 0]

    wall = common_colour(r, world.muted, 0.12, 0.75)
    room = wall[:, :, None, None] * (1 + 0.18 * coarse + 0.05 * grain * r.unit()[lone])[:, None]
    corner = r.uniform(-1.6, 1.6)[lone]
    lean = r.normal(0.05)[lone]
    other_wall = inside(corner - x + lean * y, soft) * r.chance(0.5)[lone]
    room = room * (1 - other_wall * r.uniform(-0.35, 0.5)[lone])[:, None]
    ceiling = inside(y - r.uniform(-1.4, -0.6)[lone] - lean * x + 0.25 * other_wall * (x - corner), soft)
    floor = inside(r.uniform(0.55, 1.6)[lone] + lean * x - y - 0.2 * other_wall * (x - corner), soft)
    for region, tone in ((ceiling, common_colour(r, 1.0, 0.3, 0.9)), (floor, common_colour(r, world.muted, 0.03, 0.5))):
        room = torch.lerp(room, tone[:, :, None, None].expand_as(room), region[:, None])

    least, most = world.clutter
    count = least + r.unit() * (most - least + 1)
    # Small things last, so that they are not hidden.
    for index in range(most):
        there = (index < count).to(room.dtype)
        share = 1 - index / most
        room = _thing(r, world, room, x, y, grain, soft, there, share)
    room = room * (1 + 0.3 * coarse * r.unit()[lone] + 0.4 * r.normal(0.6)[lone] * x / 2 * r.unit()[lone])[:, None].clamp(min=0.2)
    focus = r.pick((0.45, 0.3, 0.25))
    once = blurred(room, 1)
    twice = blurred(once, 2)
    room = torch.where((focus == 0)[:, None, None, None], room, torch.where((focus == 1)[:, None, None, None], once, twice))
    return room.clamp(0, 4)


def _thing(
    r: ClipRandom, world: World, room: Tensor, x: Tensor, y: Tensor, grain: Tensor, soft: float, there: Tensor, share: float
) -> Tensor:
    lone = (slice(None), None, None)
    kind = r.pick(_WEIGHTS)
    is_ = {name: (kind == number) for number, name in enumerate(_THINGS)}
    cx, cy = r.uniform(-1.7, 1.7), r.uniform(-1.0, 1.1)
    wide, high = r.log_uniform(0.06, 0.3 + 0.5 * share), r.log_uniform(0.06, 0.3 + 0.8 * share)
    high = torch.where(is_["curtain"], high + 0.7, high)
    cy = torch.where(is_["cushion"], cy.abs() * 0.6 + 0.4, cy)
    tilt = torch.where(r.chance(0.8), 0.02 * r.normal(1.0), r.normal(0.5))
    cos, sin = tilt.cos()[lone], tilt.sin()[lone]
    dx, dy = x - cx[lone], y - cy[lone]
    u = (dx * cos + dy * sin) / wide[lone]
    v = (dy * cos - dx * sin) / high[lone]
    round_ = is_["lamp"] | is_["plant"] | (is_["cushion"] & r.chance(0.5))
    box = torch.maximum(u.abs(), v.abs())
    oval = (u * u + v * v).sqrt()
    ragged = oval + 0.55 * grain
    far = torch.where(is_["plant"][lone], ragged, torch.where(round_[lone], oval, box)) - 1
    mask = inside(far * torch.minimum(wide, high)[lone], soft) * there[lone]

    tone = common_colour(r, world.muted, 0.02, 0.7)
    green = tone.new_tensor((0.5, 1.0, 0.4)) * tone.mean(1, keepdim=True) * 0.8
    tone = torch.where(is_["plant"][:, None], green, tone)
    glow = torch.where(is_["window"] | is_["lamp"], r.log_uniform(0.7, 4.0), torch.zeros_like(cx))
    tone = torch.where((glow > 0)[:, None], glow[:, None] * (1 + r.normal(0.05, 3)), tone)
    light = 1 + 0.22 * r.uniform(-1, 1)[lone] * v + 0.15 * r.uniform(-1, 1)[lone] * u + 0.12 * grain * r.unit()[lone]
    columns = r.uniform(3, 14)[lone]
    folds = 0.75 + 0.25 * torch.sin(u * columns * (math.pi / 2) + 2 * grain)
    light = torch.where(is_["curtain"][lone], light * folds, light)
    rows = r.uniform(0.8, 3.2)[lone]
    book = torch.floor(u * columns * 2.2) + 37 * torch.floor(v * rows)
    spread = (torch.sin(book * 12.9898 + 4.1) * 437.585).frac().abs()
    hue = (torch.sin(book * 7.23 + 1.7) * 181.91).frac().abs()
    board = ((v * rows).frac().abs() > 0.12) & ((v * rows).frac().abs() < 0.93)
    shelf = is_["shelf"][lone]
    light = torch.where(shelf, torch.where(board, 0.15 + 1.7 * spread, torch.full_like(spread, 0.6)), light)
    bars = is_["window"][lone] & (((u * (columns / 7)).frac().abs() < 0.05) | ((v * rows / 2).frac().abs() < 0.04))
    edge = 1 - 0.16 * r.uniform(0.5, 1.5)[lone]
    rim = is_["framed"][lone] & (box > edge)
    light = torch.where(bars, 0.15 * light, light)
    light = torch.where(rim, light * r.log_uniform(0.25, 3.0)[lone], light)
    warm = torch.where(shelf & board, 0.8 * (hue - 0.5), torch.zeros_like(hue))
    channels = torch.stack((light * (1 + warm), light, light * (1 - warm)), dim=1)
    return torch.lerp(room, tone[:, :, None, None] * channels, mask[:, None])
