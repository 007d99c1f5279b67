"""Rotations as unit quaternions (w, x, y, z), batched over any leading axes.

Axes: x to the right of the picture, y up, z to the camera.
"""

import functools

import torch
from torch import Tensor

__all__ = ["about_x", "about_y", "about_z", "compose", "frame_from_axis", "matrices", "slerp"]


# e_i e_j = sum over k of _PRODUCT[i][j][k] e_k for the units 1, i, j, k.
_PRODUCT = (
    ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)),
    ((0, 1, 0, 0), (-1, 0, 0, 0), (0, 0, 0, 1), (0, 0, -1, 0)),
    ((0, 0, 1, 0), (0, 0, 0, -1), (-1, 0, 0, 0), (0, 1, 0, 0)),
    ((0, 0, 0, 1), (0, 0, 1, 0), (0, -1, 0, 0), (-1, 0, 0, 0)),
)


@functools.lru_cache(maxsize=8)
def _product(device: torch.device) -> Tensor:
    return torch.tensor(_PRODUCT, dtype=torch.float32, device=device).flatten(1)


@functools.lru_cache(maxsize=24)
def _place(axis: int, device: torch.device) -> Tensor:
    """Where cosine and sine of half the angle stand, (2, 4)."""
    place = torch.zeros(2, 4)
    place[0, 0] = place[1, 1 + axis] = 1.0
    return place.to(device)


def _about(axis: int, angle: Tensor) -> Tensor:
    half = angle * 0.5
    return torch.stack((half.cos(), half.sin()), dim=-1) @ _place(axis, angle.device)


def about_x(angle: Tensor) -> Tensor:
    """Rotate by `angle` radians: y towards z."""
    return _about(0, angle)


def about_y(angle: Tensor) -> Tensor:
    """Rotate by `angle` radians: z towards x, counterclockwise seen from above."""
    return _about(1, angle)


def about_z(angle: Tensor) -> Tensor:
    """Rotate by `angle` radians: x towards y, counterclockwise in the picture."""
    return _about(2, angle)


def compose(*rotations: Tensor) -> Tensor:
    """The product of quaternions (..., 4); the last is applied first."""
    result = rotations[0]
    for q in rotations[1:]:
        # As one product of matrices: many small operations would cost more than their arithmetic.
        left = torch.unflatten(result @ _product(result.device), -1, (4, 4))
        result = (q[..., None, :] @ left)[..., 0, :]
    return result


def slerp(a: Tensor, b: Tensor, amount: Tensor) -> Tensor:
    """From a to b (..., 4) the shorter way; `amount` (...) from 0 to 1."""
    cosine = (a * b).sum(-1, keepdim=True)
    b = torch.where(cosine < 0, -b, b)
    angle = torch.acos(cosine.abs().clamp(max=0.9995))
    amount = amount[..., None]
    mixed = torch.sin((1 - amount) * angle) * a + torch.sin(amount * angle) * b
    norm: Tensor = torch.linalg.vector_norm(mixed, dim=-1, keepdim=True)
    return mixed / norm.clamp(min=1e-6)


def matrices(q: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    pairs = (q[..., :, None] * q[..., None, :]).flatten(-2)
    return torch.unflatten(pairs @ _entries(q.device), -1, (3, 3))


@functools.lru_cache(maxsize=8)
def _entries(device: torch.device) -> Tensor:
    """How a matrix' nine entries are made of the products of w, x, y, z with each other, (16, 9)."""
    w, x, y, z = range(4)
    entries = (
        ((w, w, 1), (x, x, 1), (y, y, -1), (z, z, -1)), ((x, y, 2), (w, z, -2)), ((x, z, 2), (w, y, 2)),
        ((x, y, 2), (w, z, 2)), ((w, w, 1), (x, x, -1), (y, y, 1), (z, z, -1)), ((y, z, 2), (w, x, -2)),
        ((x, z, 2), (w, y, -2)), ((y, z, 2), (w, x, 2)), ((w, w, 1), (x, x, -1), (y, y, -1), (z, z, 1)),
    )  # fmt: skip
    table = torch.zeros(4, 4, 9)
    for place, terms in enumerate(entries):
        for first, second, factor in terms:
            table[first, second, place] = factor
    return table.flatten(0, 1).to(device)


def frame_from_axis(y_axis: Tensor, x_hint: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) whose second column is `y_axis` and whose first is as near `x_hint` as can be."""
    y = y_axis / y_axis.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    x = x_hint - (x_hint * y).sum(-1, keepdim=True) * y
    x = x / x.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    return torch.stack((x, y, torch.linalg.cross(x, y)), dim=-1)
