"""Hand poses by name, drawn with each person's own looseness; rows as hand_pose.POSE_SIZE describes."""

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.random_numbers import ClipRandom

__all__ = ["clawed", "fist", "mixed", "opened", "pinched", "pointing", "relaxed", "thumb_out", "two_fingers"]


def _pose(bends: Tensor, share: Tensor, spread: Tensor, thumb: Tensor) -> Tensor:
    return torch.cat((bends, share[:, None], spread[:, None], thumb), dim=1)


def _thumb(
    r: ClipRandom, abduction: tuple[float, float], opposition: tuple[float, float], bend: tuple[float, float]
) -> Tensor:
    return torch.stack((r.uniform(*abduction), r.uniform(*opposition), r.uniform(*bend)), dim=1)


def opened(r: ClipRandom) -> Tensor:
    """A flat hand, fingers together or spread."""
    bends = r.uniform(-0.04, 0.1, 4) + r.uniform(0, 0.08, 1)
    return _pose(
        bends, r.uniform(0.5, 1.2), r.uniform(0.0, 1.3), _thumb(r, (0.3, 1.1), (0.0, 0.45), (-0.1, 0.4))
    )


def relaxed(r: ClipRandom) -> Tensor:
    """Fingers hanging, the little one bent most."""
    slope = torch.linspace(0, 0.12, 4, device=r.device)
    bends = r.uniform(0.1, 0.45, 1) + slope + r.uniform(-0.05, 0.05, 4)
    return _pose(
        bends, r.uniform(0.7, 1.0), r.uniform(0.0, 0.5), _thumb(r, (0.4, 0.7), (0.2, 0.6), (0.1, 0.5))
    )


def clawed(r: ClipRandom) -> Tensor:
    """As round a ball or a knob."""
    bends = r.uniform(0.22, 0.45, 1) + r.uniform(-0.05, 0.05, 4)
    return _pose(
        bends, r.uniform(0.7, 1.1), r.uniform(0.6, 1.3), _thumb(r, (0.6, 1.0), (0.4, 0.8), (0.1, 0.5))
    )


def fist(r: ClipRandom) -> Tensor:
    """All fingers closed, the thumb over them."""
    bends = r.uniform(0.92, 1.02, 4)
    return _pose(bends, r.uniform(0.95, 1.05), 0 * r.unit(), _thumb(r, (0.2, 0.5), (0.6, 0.9), (0.6, 1.0)))


def pinched(r: ClipRandom) -> Tensor:
    """All finger tips together with the thumb's, straight as a beak or rolled in."""
    rolled = r.chance(0.3)
    bends = r.uniform(0.36, 0.5, 1) + r.uniform(-0.03, 0.05, 4)
    bends = torch.where(rolled[:, None], bends + 0.38, bends)
    share = torch.where(rolled, r.uniform(0.8, 1.0), r.uniform(0.5, 0.8))
    thumb = _thumb(r, (0.15, 0.4), (0.75, 1.05), (0.0, 0.35))
    thumb = torch.where(rolled[:, None], thumb + thumb.new_tensor((0.0, -0.1, 0.4)), thumb)
    return _pose(bends, share, r.uniform(-0.3, 0.1), thumb)


def thumb_out(r: ClipRandom) -> Tensor:
    """A fist with the thumb stretched away."""
    bends = r.uniform(0.86, 1.02, 4)
    return _pose(
        bends, r.uniform(0.9, 1.05), 0 * r.unit(), _thumb(r, (0.95, 1.35), (-0.15, 0.2), (-0.35, 0.1))
    )


def pointing(r: ClipRandom) -> Tensor:
    """The index finger alone."""
    bends = torch.cat((r.uniform(0, 0.12, 1), r.uniform(0.75, 1.0, 3)), dim=1)
    return _pose(bends, r.uniform(0.9, 1.05), 0.3 * r.unit(), _thumb(r, (0.2, 0.8), (0.2, 0.8), (0.2, 0.9)))


def two_fingers(r: ClipRandom) -> Tensor:
    """Index and middle finger."""
    bends = torch.cat((r.uniform(0, 0.12, 2), r.uniform(0.8, 1.0, 2)), dim=1)
    return _pose(
        bends, r.uniform(0.9, 1.05), r.uniform(-0.2, 1.2), _thumb(r, (0.2, 0.5), (0.6, 0.9), (0.5, 0.9))
    )


def mixed(r: ClipRandom) -> Tensor:
    """Any of the others."""
    poses = torch.stack([make(r) for make in (opened, relaxed, fist, pointing, clawed, two_fingers)], dim=1)
    chosen = r.pick((3, 4, 1.5, 1.5, 1, 0.7))
    return poses[torch.arange(len(r), device=r.device), chosen]
