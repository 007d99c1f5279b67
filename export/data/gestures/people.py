"""Heads and shoulders: a relief of ellipsoids, lit like the hand, painted with hair, face and cloth.

A person is painted once a clip and then bent a little from frame to frame: see `Person.sway`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.colours import cloth_colour, hair_colour, skin_colour
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.textures import blurred, clip_noise, fading, inside
from tsm_edge.export.data.gestures.world import World

__all__ = ["Lighting", "Person", "choose_lighting", "choose_people", "paint_people"]

_NEAR_NUMBERS = 2  # apart from a person's own, which are the same in worlds where nobody sits near
_NEAREST = 0.42  # half the width of a head that fills the frame from top to bottom


@dataclass(frozen=True)
class Lighting:
    """Light of N clips: direction times strength, x right, y up, z to the camera.

    Attributes:
        key: (N, 3).
        fill: (N, 3).
        ambient: (N,).
        tint: Of all light on people, (N, 3).
    """

    key: Tensor
    fill: Tensor
    ambient: Tensor
    tint: Tensor


@dataclass(frozen=True)
class Person:
    """Who sits there; each (N,) unless said. Frame heights and linear colours.

    Attributes:
        x: Middle of the head.
        y: Middle of the head.
        head: Half the head's width.
        shoulders: Half width, in half head widths.
        skin: (N, 3).
        hair: (N, 3).
        cloth: (N, 3).
        trim: Second colour of the cloth, (N, 3).
    """

    x: Tensor
    y: Tensor
    head: Tensor
    shoulders: Tensor
    skin: Tensor
    hair: Tensor
    cloth: Tensor
    trim: Tensor


def choose_lighting(r: ClipRandom) -> Lighting:
    """A window or lamp on some side, less from the other, some from everywhere."""
    side = r.uniform(-1.4, 1.4)
    height = r.uniform(-0.25, 1.2)
    front = r.uniform(-0.15, 1.0)  # below 0 the light stands behind
    key = torch.stack((side.sin(), height * 0.7, front), dim=1)
    key = key / key.norm(dim=1, keepdim=True) * r.uniform(0.35, 1.3)[:, None]
    fill = (
        torch.stack((-side.sin() * 0.6, r.uniform(-0.6, 0.4), r.uniform(0.2, 0.8)), dim=1)
        * r.uniform(0.0, 0.4)[:, None]
    )
    warm = r.normal(0.09)
    tint = torch.stack((1 + warm, 1 + r.normal(0.025), 1 - 1.2 * warm), dim=1)
    return Lighting(key, fill, r.uniform(0.45, 1.0), tint)


def choose_people(r: ClipRandom, world: World) -> Person:
    """Somebody in front of the camera, near its middle."""
    head = _nearer(r.apart(_NEAR_NUMBERS), world, r.uniform(*world.head_width))
    low = r.chance(0.15)  # the head partly above the frame
    y = torch.where(low, r.uniform(-0.05, 0.15), r.uniform(0.2, 0.5))
    cloth = cloth_colour(r, world.muted)
    return Person(
        x=r.normal(0.09),
        y=y,
        head=head,
        shoulders=r.uniform(2.15, 2.95),
        skin=skin_colour(r),
        hair=hair_colour(r),
        cloth=cloth,
        trim=torch.where(
            r.chance(0.5)[:, None], cloth * r.uniform(0.4, 1.9, 1), cloth_colour(r, world.muted)
        ),
    )


def _nearer(r: ClipRandom, world: World, head: Tensor) -> Tensor:
    """Half head widths (N,), some of them up to twice as wide: real faces near the camera were taken for hands."""
    near = (head * r.uniform(1.0, 2.0)).clamp(max=max(_NEAREST, world.head_width[1]))
    return torch.where(r.chance(world.near), near, head)


def _dome(
    u: Tensor, v: Tensor, at: tuple[float, float], radii: tuple[float, float], z: float, height: float
) -> Tensor:
    """Height of an ellipsoid that looks out of the picture; falls off steeply outside."""
    rest = 1 - ((u - at[0]) / radii[0]).square() - ((v - at[1]) / radii[1]).square()
    return z + height * torch.where(rest > 0, rest.clamp(min=0).sqrt(), rest)


def paint_people(
    r: ClipRandom, person: Person, light: Lighting, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Pictures of people over a grid of places.

    Args:
        r: Random numbers of the clips.
        person: Who.
        light: On them.
        x: Places, (N, S, S), frame heights.
        y: The same.

    Returns:
        RGB times coverage and coverage, (N, 4, S, S), linear; the relief, (N, S, S), half head widths.
    """
    size = x.shape[-1]
    lone = (slice(None), None, None)
    u = (x - person.x[lone]) / person.head[lone]
    v = (y - person.y[lone]) / person.head[lone]
    pixel = (y[:, 1:2, :1] - y[:, :1, :1]) / person.head[lone]
    pixel_x = (x[:, :1, 1:2] - x[:, :1, :1]) / person.head[lone]
    soft = pixel * 1.6
    grain = clip_noise(r, 24, size)[:, 0]
    coarse = clip_noise(r, 7, size)[:, 0]
    # Heads are turned and tilted a little.
    turned, tilt = r.normal(0.22)[lone], r.normal(0.1)[lone]
    u, v = u + tilt * v.clamp(-2, 1.2), v - tilt * u * (v < 1.4)
    hu = u - turned * 0.25
    face = _face_relief(hu - turned * 0.2, v)
    skull = _dome(u, v, (0.0, -0.18), (0.97, 1.12), -0.2, 1.0)
    jaw_width = r.uniform(0.72, 0.86)[lone]
    outline = (hu / jaw_width).square() + ((v - 0.12) / 1.18).square() - 1
    on_face = inside(outline * 0.4, soft)
    torso, shoulder_line = _torso_relief(u, v, person.shoulders[lone], coarse)
    neck = _dome(u, v, (0.0, 1.3), (0.66, 1.6), -0.5, 0.75)
    on_neck = inside(u.abs() - 0.56 - 0.12 * (v - 0.9).clamp(min=0).square(), soft) * (v > 0.4)
    on_torso = inside(shoulder_line, soft)
    on_skull = inside(((u / 0.99).square() + ((v + 0.16) / 1.16).square() - 1) * 0.45, soft)
    on_ears = inside(((u.abs() - 0.93) / 0.15).square() + ((v - 0.12) / 0.27).square() - 1, soft * 3)

    style = r.pick((4, 2.6, 1, 0.8))  # short, long, receding, none
    hairline = torch.where(style == 2, -0.9, torch.where(style == 3, -3.0, r.uniform(-0.72, -0.42)))[lone]
    wave = 0.1 * coarse
    on_hair = on_skull * (1 - on_face * inside(hairline - v + wave + 0.25 * u.abs().square(), soft * 2))
    on_hair = on_hair * torch.where((style == 3)[lone], 0.12, 1.0) * (v < 0.25 + r.uniform(-0.3, 0.5)[lone])
    long = inside(u.abs() - r.uniform(0.98, 1.25)[lone] - wave, soft * 2) * inside(
        v - r.uniform(0.9, 2.6)[lone] - wave, soft * 3
    )
    long = long * (v > -0.3) * (style == 1)[lone]

    skin = person.skin[:, :, None, None]
    hair = person.hair[:, :, None, None] * (1 + 0.5 * grain + 0.25 * coarse)[:, None].clamp(min=0.2)
    colour = skin * _face_paint(r, hu - turned * 0.25, v, grain, lone)
    beard = (on_face * inside(0.42 + 0.25 * hu.abs() - v + wave, 0.25) * r.chance(0.22)[lone]) * r.uniform(
        0.3, 0.95
    )[lone]
    beard = beard * (1 - inside(((hu / 0.3).square() + ((v - 0.66) / 0.1).square() - 1) * 0.2, 0.1))
    colour = torch.lerp(colour, hair.expand_as(colour), beard[:, None])
    frames = ((hu.abs() - 0.34) / 0.27).abs().pow(3) + ((v - 0.03) / r.uniform(0.15, 0.22)[lone]).abs().pow(3)
    glasses = fading(((frames - 1) / 0.45).square()) * r.chance(0.22)[lone] * r.uniform(0.3, 0.85)[lone]
    colour = colour * (1 - glasses * on_face)[:, None]

    cloth = _cloth(r, person, u, v, grain, coarse, lone)
    neckline = r.uniform(1.3, 1.75)[lone]
    bare = inside(v - neckline + u.abs() * r.uniform(0.3, 1.6)[lone], soft)
    over = torch.maximum(on_neck * inside(v - 1.9, soft), on_torso * bare)
    # From the back to the front: long hair, body, neck, ears, head, hair.
    layers = (
        (long, hair, torso * 0 + 0.1),
        (on_torso, cloth, torso),
        (over, skin * (1 - 0.45 * inside(v - 1.45, 0.8) * inside(0.7 - v, 0.5))[:, None], neck),
        (on_ears, skin * 0.8, skull),
        (on_face, colour, face),
        (on_hair, hair, skull + 0.06),
    )
    paint = torch.zeros_like(colour)
    relief = torch.full_like(u, -0.6)
    cover = torch.zeros_like(u)
    for mask, tone, height in layers:
        paint = torch.lerp(paint, tone.expand_as(paint), mask[:, None])
        relief = torch.lerp(relief, height.clamp(min=-0.7), mask)
        cover = torch.maximum(cover, mask)
    shade = _shade(relief, pixel_x, pixel, light)
    rgb = paint * shade[:, None] * light.tint[:, :, None, None]
    return torch.cat((rgb * cover[:, None], cover[:, None]), dim=1), relief


def _face_relief(u: Tensor, v: Tensor) -> Tensor:
    parts = (
        _dome(u, v, (0.0, 0.0), (0.84, 1.2), -0.25, 1.1),
        _dome(u, v, (0.0, 0.55), (0.6, 0.75), -0.15, 0.98),
        _dome(u, v, (0.0, 0.24), (0.2, 0.42), 0.62, 0.5),
        _dome(u, v, (0.0, -0.22), (0.6, 0.18), 0.55, 0.33),
        _dome(u, v, (0.36, 0.3), (0.34, 0.3), 0.5, 0.27),
        _dome(u, v, (-0.36, 0.3), (0.34, 0.3), 0.5, 0.27),
        _dome(u, v, (0.0, 0.68), (0.26, 0.16), 0.62, 0.24),
        _dome(u, v, (0.0, 1.0), (0.27, 0.22), 0.45, 0.26),
    )
    heights = torch.stack(parts).mul_(14)
    highest = heights.amax(0)
    return fading(highest - heights).sum(0).log_().add_(highest).div_(14)  # logsumexp


def _face_paint(r: ClipRandom, u: Tensor, v: Tensor, grain: Tensor, lone: tuple[slice, None, None]) -> Tensor:
    """What multiplies the skin, (N, 3, S, S): eyes, brows, lips, cheeks."""
    open_eyes = r.uniform(0.035, 0.075)[lone]
    eye = inside((((u.abs() - 0.34) / 0.16).square() + (v / open_eyes).square() - 1) * 0.1, 0.08)
    iris = eye * inside((((u.abs() - 0.34) / 0.06).square() + (v / 0.075).square() - 1) * 0.1, 0.08)
    socket = fading(((u.abs() - 0.34) / 0.22).square() + ((v + 0.03) / 0.14).square())
    thick, strength = r.uniform(0.03, 0.065)[lone], r.uniform(0.3, 0.85)[lone]
    brow = inside(((v + 0.21 - 0.1 * (u.abs() - 0.36).square() * 4) / thick).abs() - 1, 1.0) * inside(
        (u.abs() - 0.36).abs() - 0.2, 0.08
    )
    smile = r.uniform(-0.25, 0.3)[lone]
    mouth_y = v - 0.67 + smile * u.square()
    lips = inside((u / 0.27).square() + (mouth_y / r.uniform(0.06, 0.1)[lone]).square() - 1, 0.6)
    line = inside((u / 0.25).abs() - 1, 0.2) * fading((mouth_y / 0.025).square())
    nostrils = fading(((u.abs() - 0.09) / 0.045).square() + ((v - 0.42) / 0.035).square())
    dark = 1 - 0.28 * socket - strength * brow - 0.5 * line - 0.45 * nostrils
    dark = dark * (1 + 0.05 * grain)
    cheeks = (
        fading(((u.abs() - 0.42) / 0.22).square() + ((v - 0.35) / 0.22).square()) * r.uniform(0, 0.2)[lone]
    )
    red = lips * r.uniform(0.1, 0.5)[lone] + cheeks
    paint = torch.stack((dark, dark * (1 - 0.75 * red), dark * (1 - 0.6 * red)), dim=1).clamp(min=0.05)
    white = torch.lerp(paint, torch.full_like(paint, 1.15), (eye * 0.65)[:, None])
    return torch.lerp(white, torch.full_like(paint, 0.12), iris[:, None])


def _torso_relief(u: Tensor, v: Tensor, shoulders: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
    """Height, and signed distance above the line of the shoulders (below 0 on the body)."""
    across = (u.abs() / shoulders).clamp(0, 1.6)
    line = (
        1.2
        + 0.75 * across.pow(1.3) * shoulders / 2.5
        + 4.0 * (across - 0.88).clamp(min=0).square() * shoulders
    )
    outside = torch.maximum(line - v, (u.abs() - shoulders * (1.02 + 0.04 * (v - 2.5).clamp(0, 3))) * 1.0)
    folds = 0.13 * coarse * (v > 1.5)
    relief = (
        -0.55
        + 1.3 * (1 - (across * 0.93).square()).clamp(min=0.02).sqrt()
        + folds
        - 0.5 * fading((v - line) / 0.35)
    )
    return relief, outside


def _cloth(
    r: ClipRandom,
    person: Person,
    u: Tensor,
    v: Tensor,
    grain: Tensor,
    coarse: Tensor,
    lone: tuple[slice, None, None],
) -> Tensor:
    """Plain, striped, checked, printed, or a jacket over something else."""
    kind = r.pick((5, 1.2, 0.8, 1.4, 1.6))[lone]
    often, slant = r.uniform(2.5, 11)[lone], r.pick((2, 3))[lone] * (math.pi / 2)
    across = torch.sin((u * slant.cos() + v * slant.sin()) * often + 0.6 * coarse)
    other = torch.sin((v * slant.cos() - u * slant.sin()) * often + 0.6 * coarse)
    stripes = inside(-across + r.uniform(-0.3, 0.5)[lone], 0.5)
    checks = 0.5 * stripes + 0.5 * inside(-other, 0.5)
    printed = inside(
        torch.maximum(u.abs() - r.uniform(0.5, 1.3)[lone], (v - 3.0).abs() - r.uniform(0.3, 0.9)[lone]), 0.1
    )
    printed = printed * inside(-grain - 0.2 * coarse, 0.5)
    jacket = inside(u.abs() - 0.3 - 0.16 * (v - 1.4), 0.15)
    zero = torch.zeros_like(u)
    second = torch.where(
        kind == 1, stripes, torch.where(kind == 2, checks, torch.where(kind == 3, printed, zero))
    )
    second = torch.where(kind == 4, jacket, second)
    tone = torch.lerp(person.cloth[:, :, None, None], person.trim[:, :, None, None], second[:, None])
    return tone * (1 + 0.14 * grain + 0.16 * coarse)[:, None]


def _shade(relief: Tensor, pixel_x: Tensor, pixel: Tensor, light: Lighting) -> Tensor:
    """Light on the relief, (N, S, S); wrapped a little, as on the hand."""
    smooth = blurred(relief[:, None])[:, 0]
    across = torch.zeros_like(smooth)
    upward = torch.zeros_like(smooth)
    across[..., 1:-1] = (smooth[..., 2:] - smooth[..., :-2]) / (2 * pixel_x)
    upward[..., 1:-1, :] = (smooth[..., :-2, :] - smooth[..., 2:, :]) / (2 * pixel)
    slope = torch.rsqrt(1 + across.square() + upward.square())

    def towards(direction: Tensor) -> Tensor:
        dx, dy, dz = direction[:, :, None, None].unbind(1)
        return (dz - across * dx - upward * dy) * slope

    strength = light.key.norm(dim=1)[:, None, None]
    key = (0.72 * towards(light.key) + 0.28 * strength).clamp(min=0)
    lit: Tensor = (
        key + towards(light.fill).clamp(min=0) + light.ambient[:, None, None] * (0.75 + 0.25 * slope)
    )
    return lit
