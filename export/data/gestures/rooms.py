"""Made rooms: a wall, perhaps a corner, floor or ceiling, and things in front of it, from shelves to windows."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.colours import common_colour
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.textures import blurred, clip_noise, inside
from tsm_edge.export.data.gestures.world import World

__all__ = ["paint_rooms"]

_THINGS = ("plain", "framed", "shelf", "curtain", "window", "lamp", "plant", "cushion")
_NUMBERS_A_THING = 48  # at least as many as one draws
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
    for region, tone in (
        (ceiling, common_colour(r, 1.0, 0.3, 0.9)),
        (floor, common_colour(r, world.muted, 0.03, 0.5)),
    ):
        room = torch.lerp(room, tone[:, :, None, None].expand_as(room), region[:, None])

    least, most = world.clutter
    count = least + r.unit() * (most - least + 1)
    # Small things last, so that they are not hidden.
    for index in range(most):
        rows = torch.nonzero(index < count)[:, 0]
        own = r.rows(rows)
        r.skip(_NUMBERS_A_THING)
        if len(rows):
            thing = _thing(own, world, room[rows], x[rows], y[rows], grain[rows], soft, 1 - index / most)
            room.index_copy_(0, rows, thing)
    room = room * (1 + 0.3 * coarse * r.unit()[lone] + 0.4 * r.normal(0.6)[lone] * x / 2 * r.unit()[lone])[
        :, None
    ].clamp(min=0.2)
    focus = r.pick((0.45, 0.3, 0.25))
    once = blurred(room, 1)
    twice = blurred(once, 2)
    room = torch.where(
        (focus == 0)[:, None, None, None], room, torch.where((focus == 1)[:, None, None, None], once, twice)
    )
    return room.clamp(0, 4)


def _thing(
    r: ClipRandom, world: World, room: Tensor, x: Tensor, y: Tensor, grain: Tensor, soft: float, share: float
) -> Tensor:
    lone = (slice(None), None, None)
    kind = r.pick(_WEIGHTS)
    is_ = {name: (kind == number) for number, name in enumerate(_THINGS)}
    cx, cy = r.uniform(-1.7, 1.7), r.uniform(-1.0, 1.1)
    wide, high = r.log_uniform(0.06, 0.3 + 0.5 * share), r.log_uniform(0.06, 0.3 + 0.8 * share)
    high = torch.where(is_["curtain"], high + 0.7, high)
    cy = torch.where(is_["cushion"], cy.abs() * 0.6 + 0.4, cy)
    tilt = torch.where(r.chance(0.8), 0.02 * r.normal(1.0), r.normal(0.5))
    across, down = tilt.cos() / wide, tilt.sin() / wide
    u = across[lone] * x + (down[lone] * y - (across * cx + down * cy)[lone])
    across, down = -tilt.sin() / high, tilt.cos() / high
    v = across[lone] * x + (down[lone] * y - (across * cx + down * cy)[lone])
    far = torch.maximum(u.abs(), v.abs())
    round_ = is_["lamp"] | is_["plant"] | (is_["cushion"] & r.chance(0.5))
    far = _changed(far, round_, lambda rows: (u[rows].square() + v[rows].square()).sqrt())
    far = _changed(far, is_["plant"], lambda rows: far[rows] + 0.55 * grain[rows])
    mask = inside(far - 1, (soft / torch.minimum(wide, high))[lone])

    tone = common_colour(r, world.muted, 0.02, 0.7)
    green = tone.new_tensor((0.5, 1.0, 0.4)) * tone.mean(1, keepdim=True) * 0.8
    tone = torch.where(is_["plant"][:, None], green, tone)
    glow = torch.where(is_["window"] | is_["lamp"], r.log_uniform(0.7, 4.0), torch.zeros_like(cx))
    tone = torch.where((glow > 0)[:, None], glow[:, None] * (1 + r.normal(0.05, 3)), tone)
    light = (
        1
        + r.uniform(-0.22, 0.22)[lone] * v
        + r.uniform(-0.15, 0.15)[lone] * u
        + (0.12 * r.unit())[lone] * grain
    )
    columns, rows_of, rim, odd = (
        r.uniform(3, 14)[lone],
        r.uniform(0.8, 3.2)[lone],
        r.uniform(0.76, 0.92)[lone],
        r.log_uniform(0.25, 3.0)[lone],
    )

    def folds(rows: Tensor) -> Tensor:
        return light[rows] * (
            0.75 + 0.25 * torch.sin(u[rows] * columns[rows] * (math.pi / 2) + 2 * grain[rows])
        )

    def bars(rows: Tensor) -> Tensor:
        upright, level = (
            (u[rows] * columns[rows] / 7).frac().abs(),
            (v[rows] * rows_of[rows] / 2).frac().abs(),
        )
        return torch.where((upright < 0.05) | (level < 0.04), 0.15 * light[rows], light[rows])

    def frame(rows: Tensor) -> Tensor:
        return torch.where(far[rows] > rim[rows], light[rows] * odd[rows], light[rows])

    light = _changed(light, is_["curtain"], folds)
    light = _changed(light, is_["window"], bars)
    light = _changed(light, is_["framed"], frame)
    paint = tone[:, :, None, None] * light[:, None]
    paint = _changed(
        paint,
        is_["shelf"],
        lambda rows: tone[rows][:, :, None, None] * _books(u[rows], v[rows], columns[rows], rows_of[rows]),
    )
    return torch.lerp(room, paint, mask[:, None])


def _changed(values: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """`values` with some rows replaced; only these are computed."""
    rows = torch.nonzero(chosen)[:, 0]
    return values.index_copy(0, rows, change(rows)) if len(rows) else values


def _books(u: Tensor, v: Tensor, columns: Tensor, rows_of: Tensor) -> Tensor:
    """Light on rows of upright backs, all of them different, (N, 3, S, S)."""
    level = v * rows_of
    book = torch.floor(u * columns * 2.2) + 37 * torch.floor(level)
    spread = (torch.sin(book * 12.9898 + 4.1) * 437.585).frac().abs()
    warm = 0.8 * ((torch.sin(book * 7.23 + 1.7) * 181.91).frac().abs() - 0.5)
    board = (level.frac().abs() <= 0.12) | (level.frac().abs() >= 0.93)
    light = torch.where(board, torch.full_like(spread, 0.6), 0.15 + 1.7 * spread)
    warm = torch.where(board, torch.zeros_like(warm), warm)
    return torch.stack((light * (1 + warm), light, light * (1 - warm)), dim=1)
