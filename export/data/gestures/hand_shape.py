"""A right hand with its arm as points on a surface, each tied to bones.

The surface is a smooth union of tapered capsules around the bones of a flat hand with spread fingers: webs, knuckles
and the ball of the thumb come from the blending. Units are hand lengths (wrist to middle finger's tip, 1); the wrist is
at 0, fingers point along y, the thumb along x, the palm looks along z; the elbow lies at y = -1.4.

Proportions follow anthropometric tables of adult hands: Buryanov and Kotiuk, "Proportions of hand segments", 2010.
"""

import functools
import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

__all__ = [
    "BONES", "FINGERS", "FOREARM", "FOREARM_LENGTH", "NUM_BONES", "PALM", "THUMB", "UPPER_ARM", "UPPER_ARM_LENGTH",
    "HandShape", "hand_shape",
]  # fmt: skip

FOREARM_LENGTH = 1.42
UPPER_ARM_LENGTH = 1.5

# Smaller ones move nothing, and subnormal numbers slow the product with them 15 times on an Intel Xeon.
_LEAST_WEIGHT = 1e-9


@dataclass(frozen=True)
class Bone:
    """A capsule of the hand at rest, from `start` along `direction`."""

    start: tuple[float, float, float]
    direction: tuple[float, float, float]
    length: float
    radii: tuple[float, float]


def _finger(
    x: float, y: float, z: float, spread: float, lengths: tuple[float, ...], radii: tuple[float, ...]
) -> list[Bone]:
    direction = (math.sin(spread), math.cos(spread), 0.0)
    bones, along = [], 0.0
    for length, near, far in zip(lengths, radii, radii[1:], strict=False):
        start = (x + along * direction[0], y + along * direction[1], z)
        bones.append(Bone(start, direction, length, (near, far)))
        along += length
    return bones


def _thumb() -> list[Bone]:
    abduction, opposition = THUMB_REST
    direction = (
        math.sin(abduction) * math.cos(opposition),
        math.cos(abduction) * math.cos(opposition),
        math.sin(opposition),
    )
    start, bones = (0.075, 0.1, 0.02), []
    for length, radii in zip(THUMB_LENGTHS, ((0.078, 0.062), (0.058, 0.05), (0.05, 0.034)), strict=True):
        bones.append(Bone(start, direction, length, radii))
        x, y, z = (s + length * d for s, d in zip(start, direction, strict=True))
        start = (x, y, z)
    return bones


THUMB_REST = (0.75, 0.15)  # abduction and opposition, radians
THUMB_LENGTHS = (0.235, 0.165, 0.12)
SPREADS = (0.2, 0.03, -0.13, -0.32)  # of the fingers at rest, radians towards the thumb
_FINGERS = (
    _finger(0.150, 0.490, 0.0, SPREADS[0], (0.245, 0.135, 0.09), (0.053, 0.049, 0.043, 0.034)),
    _finger(0.048, 0.505, 0.0, SPREADS[1], (0.265, 0.155, 0.095), (0.053, 0.05, 0.044, 0.035)),
    _finger(-0.053, 0.490, 0.0, SPREADS[2], (0.245, 0.145, 0.095), (0.05, 0.047, 0.041, 0.033)),
    _finger(-0.145, 0.450, 0.0, SPREADS[3], (0.185, 0.105, 0.085), (0.046, 0.041, 0.036, 0.029)),
)
FOREARM, UPPER_ARM, PALM = 0, 1, 2
FINGERS = tuple(tuple(3 + 3 * finger + joint for joint in range(3)) for finger in range(4))
THUMB = (15, 16, 17)
BONES = (
    Bone((0.0, -FOREARM_LENGTH, 0.0), (0.0, 1.0, 0.0), FOREARM_LENGTH, (0.26, 0.13)),
    Bone((0.0, -FOREARM_LENGTH - UPPER_ARM_LENGTH, 0.0), (0.0, 1.0, 0.0), UPPER_ARM_LENGTH, (0.33, 0.27)),
    Bone((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), 0.5, (0.1, 0.1)),
    *(bone for finger in _FINGERS for bone in finger),
    *_thumb(),
)
NUM_BONES = len(BONES)

# The palm: bones of the middle hand, the ball of the thumb, the edge of the hand. Flattened, since a palm is.
_PALM_PARTS = (
    *(
        ((x * 0.5, 0.03, 0.0), (x, y, 0.0), 0.066, 0.056)
        for x, y in ((0.146, 0.47), (0.048, 0.49), (-0.053, 0.475), (-0.14, 0.43))
    ),
    ((0.085, 0.1, 0.03), (0.16, 0.24, 0.04), 0.075, 0.058),
    ((-0.08, 0.07, 0.02), (-0.135, 0.32, 0.015), 0.066, 0.052),
    ((0.0, 0.0, 0.0), (0.0, 0.4, -0.01), 0.08, 0.062),
)
_BLEND = 0.011  # width of the smooth union


@dataclass(frozen=True)
class HandShape:
    """Points on the resting surface.

    Attributes:
        points: Where they lie, (P, 3).
        normals: Outwards, (P, 3).
        weights: How much each bone moves them, (P, NUM_BONES); rows sum to 1.
        openness: Ambient light that reaches them, (P,), from about 0.5 between fingers to 1.
        palm_side: 1 on the palm's side, 0 on the back, smooth between, (P,).
        redness: 1 at finger tips and knuckles, (P,).
        creases: 1 in the lines of the palm and of the fingers' joints, (P,).
        nails: 1 on finger nails, (P,).
        sleeve: Hand lengths from the wrist towards the shoulder, (P,); negative on the hand.
        spacing: Distance between points of the hand.
    """

    points: Tensor
    normals: Tensor
    weights: Tensor
    openness: Tensor
    palm_side: Tensor
    redness: Tensor
    creases: Tensor
    nails: Tensor
    sleeve: Tensor
    spacing: float

    @functools.cached_property
    def moved_points(self) -> Tensor:
        """Weights times homogeneous points, (4 * NUM_BONES, P): bones' affine maps times this are posed points."""
        homogeneous = torch.cat((self.points, torch.ones_like(self.points[:, :1])), dim=-1)
        return (self.weights[:, :, None] * homogeneous[:, None]).flatten(1).T.contiguous()

    @functools.cached_property
    def moved_normals(self) -> Tensor:
        """Weights times normals, (3 * NUM_BONES, P)."""
        return (self.weights[:, :, None] * self.normals[:, None]).flatten(1).T.contiguous()

    def to(self, device: torch.device) -> "HandShape":
        """The same on another device."""
        moved = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "spacing"}
        return HandShape(**moved, spacing=self.spacing)


def _capsule(p: Tensor, start: Tensor, end: Tensor, near: float, far: float) -> Tensor:
    axis = end - start
    along = (((p - start) @ axis) / (axis @ axis)).clamp(0, 1)
    distance: Tensor = torch.linalg.vector_norm(p - start - along[:, None] * axis, dim=-1)
    return distance - (near + (far - near) * along)


def _bone_distances(p: Tensor) -> Tensor:
    """Signed distance of points (P, 3) to the flesh around every bone, (P, NUM_BONES)."""
    columns = []
    for index, bone in enumerate(BONES):
        start = p.new_tensor(bone.start)
        end = start + bone.length * p.new_tensor(bone.direction)
        if index in (FOREARM, UPPER_ARM):
            # An arm is wider than thick near the wrist, and round at the elbow.
            flat = 1.0 - 0.28 * ((p[:, 1] + 0.9) / 0.9).clamp(0, 1)
            q = torch.stack((p[:, 0], p[:, 1], p[:, 2] / flat), dim=-1)
            columns.append(_capsule(q, start, end, *bone.radii) * flat)
        elif index == PALM:
            parts = [_capsule(p, p.new_tensor(a), p.new_tensor(b), ra, rb) for a, b, ra, rb in _PALM_PARTS]
            columns.append(_smooth_least(torch.stack(parts, dim=-1)))
        else:
            columns.append(_capsule(p, start, end, *bone.radii))
    return torch.stack(columns, dim=-1)


def _smooth_least(distances: Tensor, blend: float = _BLEND) -> Tensor:
    return -blend * torch.logsumexp(-distances / blend, dim=-1)


def _surface(p: Tensor) -> Tensor:
    return _smooth_least(_bone_distances(p))


def _gradient(p: Tensor) -> Tensor:
    step = 1e-4
    axes = torch.eye(3, dtype=p.dtype) * step
    return torch.stack([(_surface(p + a) - _surface(p - a)) / (2 * step) for a in axes], dim=-1)


def _shell(low: tuple[float, ...], high: tuple[float, ...], spacing: float) -> Tensor:
    """About one point on the surface for every square of `spacing`, in a box."""
    coarse = 4 * spacing
    axes = [torch.arange(a, b, coarse, dtype=torch.float64) for a, b in zip(low, high, strict=True)]
    cells = torch.cartesian_prod(*axes)
    # A cell's corner lies less than its diagonal from a surface within; the blending shortens distances a little.
    cells = cells[_surface(cells).abs() < 2.2 * coarse]
    inner = torch.cartesian_prod(*[torch.arange(4, dtype=torch.float64) * spacing] * 3)
    p = (cells[:, None] + inner).flatten(0, 1)
    p = p[_surface(p).abs() < 0.55 * spacing]
    for _ in range(3):
        gradient = _gradient(p)
        p = p - gradient * (_surface(p) / gradient.square().sum(-1))[:, None]
    return p[_surface(p).abs() < 1e-3]


@functools.lru_cache(maxsize=4)
def hand_shape(spacing: float = 0.016) -> HandShape:
    """The resting hand, points about `spacing` hand lengths apart, coarser on the arm."""
    p = torch.cat(
        (
            _shell((-0.4, -0.12, -0.16), (0.56, 1.1, 0.2), spacing),
            _shell((-0.4, -0.75, -0.4), (0.4, -0.1, 0.4), spacing * 1.2),
            _shell((-0.5, -1.75, -0.5), (0.5, -0.72, 0.5), spacing * 1.5),
            _shell(
                (-0.5, -2.5, -0.5), (0.5, -1.7, 0.5), spacing * 1.9
            ),  # the rest of the upper arm is never in sight
        )
    )
    normals = _gradient(p)
    normals = normals / normals.norm(dim=-1, keepdim=True)
    distances = _bone_distances(p)
    softness = torch.full((NUM_BONES,), 0.018, dtype=p.dtype)
    softness[[FOREARM, UPPER_ARM]] = 0.05
    weights = torch.softmax(-distances.clamp(min=-0.05) / softness, dim=-1)
    weights = torch.where(weights > _LEAST_WEIGHT, weights, 0.0)
    open_at = [_surface(p + normals * reach).clamp(min=0) / reach for reach in (0.04, 0.09)]
    openness = 0.45 + 0.55 * torch.stack(open_at).mean(0).clamp(0, 1)
    marks = _marks(p, normals, distances)
    p = p - normals * (0.3 * spacing)  # drawn points have some extent themselves
    p, normals, weights, openness, palm_side, redness, creases, nails = (
        value.float().contiguous() for value in (p, normals, weights, openness, *marks)
    )
    return HandShape(p, normals, weights, openness, palm_side, redness, creases, nails, -p[:, 1], spacing)


def _marks(p: Tensor, normals: Tensor, distances: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Palm side, redness, creases and nails."""
    palm_side = torch.sigmoid(normals[:, 2] * 6)
    palm_side = palm_side * torch.sigmoid((p[:, 1] + 0.1) / 0.05)
    redness, creases, nails = (torch.zeros_like(palm_side) for _ in range(3))
    for chain in (*FINGERS, THUMB):
        tip = BONES[chain[-1]]
        for joint, index in enumerate(chain):
            bone = BONES[index]
            start, axis = p.new_tensor(bone.start), p.new_tensor(bone.direction)
            near = (distances[:, index] < 0.03).to(p.dtype)
            along = (p - start) @ axis
            creases = torch.maximum(
                creases, near * torch.exp(-((along / 0.012) ** 2)) * (0.8 if joint else 0.3)
            )
            redness = torch.maximum(redness, near * 0.7 * torch.exp(-((along / 0.05) ** 2)))
        along = (p - p.new_tensor(tip.start)) @ p.new_tensor(tip.direction)
        near = (distances[:, chain[-1]] < 0.02).to(p.dtype)
        redness = torch.maximum(redness, near * (along / tip.length).clamp(0, 1))
        back = -normals[:, 2] if chain is not THUMB else 0.8 * normals[:, 0] - 0.6 * normals[:, 2]
        on_nail = (along > 0.35 * tip.length) & (along < 1.15 * tip.length) & (back > 0.65)
        nails = torch.maximum(nails, near * on_nail.to(p.dtype))
    for ax, ay, bx, by in ((0.17, 0.4, -0.1, 0.34), (0.17, 0.36, -0.1, 0.2), (0.1, 0.38, 0.01, 0.03)):
        a, b = p.new_tensor((ax, ay)), p.new_tensor((bx, by))
        amount = (((p[:, :2] - a) @ (b - a)) / ((b - a) @ (b - a))).clamp(0, 1)
        off = (p[:, :2] - a - amount[:, None] * (b - a)).norm(dim=-1)
        on_palm = (distances[:, PALM] < 0.02).to(p.dtype) * palm_side
        creases = torch.maximum(creases, 0.8 * on_palm * torch.exp(-((off / 0.012) ** 2)))
    return palm_side, redness, creases, nails
