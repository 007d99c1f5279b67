"""Rotations as unit quaternions (w, x, y, z), batched over any leading axes.

Axes: x to the right of the picture, y up, z to the camera.
"""

import torch
from torch import Tensor

__all__ = ["about_x", "about_y", "about_z", "compose", "frame_from_axis", "matrices", "slerp"]


def _about(axis: int, angle: Tensor) -> Tensor:
    q = angle.new_zeros(*angle.shape, 4)
    q[..., 0] = torch.cos(angle / 2)
    q[..., 1 + axis] = torch.sin(angle / 2)
    return q


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
        w1, x1, y1, z1 = result.unbind(-1)
        w2, x2, y2, z2 = q.unbind(-1)
        result = torch.stack(
            (
                w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
                w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
                w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
                w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
            ),
            dim=-1,
        )
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
    w, x, y, z = q.unbind(-1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.unflatten(torch.stack(rows, dim=-1), -1, (3, 3))


def frame_from_axis(y_axis: Tensor, x_hint: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) whose second column is `y_axis` and whose first is as near `x_hint` as can be."""
    y = y_axis / y_axis.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    x = x_hint - (x_hint * y).sum(-1, keepdim=True) * y
    x = x / x.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    return torch.stack((x, y, torch.linalg.cross(x, y)), dim=-1)
