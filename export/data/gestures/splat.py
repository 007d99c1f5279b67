"""Draw posed points: project, keep the nearest point of every pixel, shade, sum up sub-frames.

An item is one hand at one instant; several items of a frame are its exposure. Each has an offset of its own below one
pixel, so that adding up softens edges as well as it blurs motion.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.export.data.gestures.hand_pose import BoneMaps
from tsm_edge.export.data.gestures.hand_shape import NUM_BONES, HandShape

__all__ = ["Lights", "Placement", "Skin", "splat"]

_DEPTH_STEPS = 1 << 15
_DEPTH_RANGE = (-5.0, 3.0)  # hand lengths about the wrist


@dataclass(frozen=True)
class Placement:
    """Where items stand; each (F,) unless said.

    Attributes:
        wrist: In pixels of the picture, (F, 2), y down.
        length: Hand length in pixels, (F, 2): along x and y, which differ where the picture is squeezed.
        centre: Where the camera's axis meets the picture, pixels, (F, 2).
        distance: Of the camera from the wrist, hand lengths.
        side: 1 for right hands, -1 for left ones, which are drawn mirrored.
        frame: The frame that an item belongs to, int64.
        share: The part of that frame's exposure.
    """

    wrist: Tensor
    length: Tensor
    centre: Tensor
    distance: Tensor
    side: Tensor
    frame: Tensor
    share: Tensor


@dataclass(frozen=True)
class Lights:
    """Light on items: `key` and `fill` are directions times strength, (F, 3) in mirrored axes; `ambient` (F,)."""

    key: Tensor
    fill: Tensor
    ambient: Tensor


@dataclass(frozen=True)
class Skin:
    """Colours of the points of every clip: `albedo` (N, P, 3), linear; `clip` (F,) says whose an item is."""

    albedo: Tensor
    clip: Tensor


def splat(
    shape: HandShape, maps: BoneMaps, place: Placement, lights: Lights, skin: Skin, num_frames: int, size: int
) -> Tensor:
    """Pictures of hands, premultiplied by their coverage.

    Returns:
        (num_frames, 4, size, size): RGB times coverage, and coverage, 0 to 1.
    """
    pixel, depth, shade = _project(shape, maps, place, lights, size)
    num_points = shape.points.shape[0]
    order = torch.arange(num_points, dtype=torch.int32, device=depth.device)
    keys = torch.where(pixel >= 0, (depth << 15) | order, -1)
    nearest = torch.full((len(pixel), size * size), -1, dtype=torch.int32, device=pixel.device)
    nearest.scatter_reduce_(1, pixel.clamp(min=0), keys, "amax")
    item, spot = torch.nonzero(nearest >= 0, as_tuple=True)
    point = (nearest[item, spot] & 0x7FFF).long()
    share = place.share[item]
    albedo = skin.albedo.flatten(0, 1)[skin.clip[item] * num_points + point]
    layers = torch.cat((albedo * (shade[item, point] * share)[:, None], share[:, None]), dim=-1)
    out = layers.new_zeros(num_frames * size * size, 4)
    out.index_add_(0, place.frame[item] * (size * size) + spot, layers)
    return _closed(out.unflatten(0, (num_frames, size, size)).permute(0, 3, 1, 2))


def _project(
    shape: HandShape, maps: BoneMaps, place: Placement, lights: Lights, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel of every point or -1 where it is out of sight, depth in steps (larger is nearer), light on it; (F, P)."""
    count = len(place.side)
    affine = torch.cat((maps.matrices, maps.offsets[..., None]), dim=-1)  # (F, B, 3, 4)
    affine = affine.permute(0, 2, 1, 3).reshape(count, 3, NUM_BONES * 4)
    x, y, z = (affine @ shape.moved_points).unbind(1)
    looks = torch.stack((lights.key, lights.fill), dim=1)
    toward = torch.einsum("frj,fbji->frbi", looks, maps.rotations)
    rows = torch.cat((maps.rotations[:, None, :, 2, :], toward), dim=1).flatten(2)
    facing, key, fill = (rows @ shape.moved_normals).unbind(1)
    nearness = 1.0 / (1.0 - z / place.distance[:, None]).clamp(min=0.25)
    across = (place.side * place.length[:, 0])[:, None] * x + (place.wrist[:, 0] - place.centre[:, 0])[:, None]
    down = place.length[:, 1, None] * -y + (place.wrist[:, 1] - place.centre[:, 1])[:, None]
    column = torch.addcmul(place.centre[:, 0, None], across, nearness).floor_().to(torch.int64)
    row = torch.addcmul(place.centre[:, 1, None], down, nearness).floor_().to(torch.int64)
    seen = (column >= 0) & (column < size) & (row >= 0) & (row < size) & (facing > -0.15)
    pixel = torch.where(seen, row * size + column, -1)
    low, high = _DEPTH_RANGE
    depth = ((z - low) * (_DEPTH_STEPS / (high - low))).clamp_(0, _DEPTH_STEPS - 1).to(torch.int32)
    # Wrapped light: skin scatters some of it round the edge.
    strength = lights.key.norm(dim=-1)[:, None]
    lit = (0.72 * key + 0.28 * strength).clamp_(min=0) + fill.clamp(min=0)
    shade = torch.addcmul(lit, lights.ambient[:, None], shape.openness)
    return pixel, depth, shade


def _closed(layer: Tensor) -> Tensor:
    """Fill pixels that no point hit though most of their neighbours were hit."""
    around = functional.pad(layer, (1, 1, 1, 1))
    around = around[:, :, :-2] + around[:, :, 1:-1] + around[:, :, 2:]
    around = (around[..., :-2] + around[..., 1:-1] + around[..., 2:]) * (1 / 9)
    coverage = torch.maximum(layer[:, 3:], ((around[:, 3:] - 0.42) * 5.0).clamp(0, 1))
    layer = torch.add(layer, around, alpha=0.05)
    return torch.cat((layer[:, :3] * (coverage / layer[:, 3:].clamp(min=1e-4)), coverage), dim=1)
