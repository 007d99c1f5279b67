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
from tsm_edge.export.data.gestures.textures import halved

__all__ = ["Lights", "Placement", "Skin", "splat"]

_INDEX_BITS = 15
_INDEX = (1 << _INDEX_BITS) - 1
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
    padded = size + 2  # what lies outside falls onto a border
    spots = padded * padded
    pixel, keys, shade = _project(shape, maps, place, lights, size)
    nearest = torch.zeros(len(pixel), spots, dtype=torch.int32, device=pixel.device)
    # Where points are further apart than pixels, each covers a square of four.
    wide = (1.35 * shape.spacing * place.length.amax(1) > 1.0).to(torch.int64)
    for right, below in ((0, 0), (1, 0), (0, 1), (1, 1)):
        step = wide * (right + below * padded)
        nearest.scatter_reduce_(1, (pixel + step[:, None]).clamp_(max=spots - 1), keys, "amax")
    item, spot = torch.nonzero(nearest, as_tuple=True)
    point = (nearest[item, spot] & _INDEX).long()
    share = place.share[item]
    albedo = skin.albedo.flatten(0, 1)[skin.clip[item] * shape.points.shape[0] + point]
    layers = torch.cat((albedo * (shade[item, point] * share)[:, None], share[:, None]), dim=-1)
    out = layers.new_zeros(num_frames * spots, 4)
    out.index_add_(0, place.frame[item] * spots + spot, layers)
    layer = out.view(num_frames, padded, padded, 4)[:, 1:-1, 1:-1].permute(0, 3, 1, 2).contiguous()
    apart = layer.new_zeros(num_frames).scatter_reduce(
        0, place.frame, shape.spacing * place.length.amax(1), "amax"
    )
    return _filled(layer, apart)


def _project(
    shape: HandShape, maps: BoneMaps, place: Placement, lights: Lights, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel of every point in a picture with a border of 1, key that is larger for nearer points, light; all (F, P).

    A key is the depth in steps and below it the point's index; points that look away have key 0.
    """
    affine = torch.cat((maps.matrices, maps.offsets[..., None]), dim=-1)  # (F, B, 3, 4)
    affine = affine.permute(0, 2, 1, 3).reshape(-1, 3, NUM_BONES * 4)
    x, y, z = (affine @ shape.moved_points).unbind(1)
    # Wrapped light: skin scatters some of it round the edge.
    looks = torch.stack((0.72 * lights.key, lights.fill), dim=1)
    toward = torch.einsum("frj,fbji->frbi", looks, maps.rotations)
    rows = torch.cat((maps.rotations[:, None, :, 2, :], toward), dim=1).flatten(2)
    facing, key, fill = (rows @ shape.moved_normals).unbind(1)
    shade = key.add_(0.28 * lights.key.norm(dim=-1)[:, None]).clamp_(min=0).add_(fill.clamp_(min=0))
    shade = torch.addcmul(shade, lights.ambient[:, None], shape.openness)

    nearness = torch.rsub(z / place.distance[:, None], 1.0).clamp_(min=0.25).reciprocal_()
    across = torch.addcmul((place.wrist - place.centre)[:, :1], (place.side * place.length[:, 0])[:, None], x)
    down = torch.addcmul((place.wrist - place.centre)[:, 1:], -place.length[:, 1:], y)
    column = torch.addcmul(place.centre[:, :1] + 1, across, nearness).clamp_(0, size + 1).floor_()
    row = torch.addcmul(place.centre[:, 1:] + 1, down, nearness).clamp_(0, size + 1).floor_()
    pixel = column.add_(row, alpha=size + 2).to(torch.int64)

    low, high = _DEPTH_RANGE
    depth = z.sub_(low).mul_(_DEPTH_STEPS / (high - low)).clamp_(1, _DEPTH_STEPS - 1).mul_(facing > -0.15)
    order = torch.arange(shape.points.shape[0], dtype=torch.int32, device=z.device)
    keys = depth.to(torch.int32).bitwise_left_shift_(_INDEX_BITS).bitwise_or_(order)
    return pixel, keys.mul_(keys > _INDEX), shade


def _filled(layer: Tensor, apart: Tensor) -> Tensor:
    """Fill pixels that no point hit from coarser pictures, as far as points are apart (`apart` pixels, a frame).

    Source: pull-push of Gortler et al., "The lumigraph", 1996.
    """
    coarse, levels = layer, []
    for _ in range(2):
        coarse = halved(coarse).mul_(4)
        coarse = coarse.div_(coarse[:, 3:].clamp(min=1.0))
        levels.append(coarse)
    for level, distance in ((1, 3.0), (0, 1.6)):
        finer = levels[0] if level else layer
        wide = functional.interpolate(levels[level], scale_factor=2, mode="bilinear", align_corners=False)
        gate = ((1.5 * apart - distance) * 2.0).clamp(0, 1)[:, None, None, None]
        filled = torch.addcmul(finer, wide, (1 - finer[:, 3:]).clamp_(min=0) * gate)
        if level:
            levels[0] = filled
    return filled
