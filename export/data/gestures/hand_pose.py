"""From fingers' angles and the hand's place to one affine map a bone, and from these to points on the picture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.hand_shape import (
    BONES,
    FINGERS,
    FOREARM_LENGTH,
    SPREADS,
    THUMB,
    THUMB_LENGTHS,
    THUMB_REST,
    UPPER_ARM_LENGTH,
)
from tsm_edge.export.data.gestures.rotations import (
    about_x,
    about_y,
    about_z,
    compose,
    frame_from_axis,
    matrices,
)

__all__ = ["POSE_SIZE", "BoneMaps", "HandSizes", "bone_maps"]

# A pose: bends of four fingers, the far joints' share, spread; abduction, opposition and bend of the thumb.
POSE_SIZE = 9

# What a fully bent finger's three joints bend by, radians.
_FULL_BEND = (1.5, 1.75, 1.15)
_THUMB_BEND = (0.0, 0.7, 1.25)  # of its three joints, for a bend of 1
_THUMB_TWIST = -1.0  # the thumb's pad faces the fingers, not the palm's side


@dataclass(frozen=True)
class HandSizes:
    """How one person's hand differs from the common one; each (N, ...) about 1.

    Attributes:
        finger_lengths: (N, 5), thumb last.
        widths: Thickness of fingers, palm and arm, (N,).
    """

    finger_lengths: Tensor
    widths: Tensor

    def rows(self, chosen: Tensor) -> "HandSizes":
        """Those of some clips, (M,) row numbers."""
        return HandSizes(self.finger_lengths[chosen], self.widths[chosen])


@dataclass(frozen=True)
class BoneMaps:
    """Where bones carry the resting points: p -> matrices @ p + offsets.

    Attributes:
        matrices: (N, NUM_BONES, 3, 3).
        offsets: Relative to the wrist, hand lengths, (N, NUM_BONES, 3).
        rotations: For normals, (N, NUM_BONES, 3, 3).
    """

    matrices: Tensor
    offsets: Tensor
    rotations: Tensor


def bone_maps(
    pose: Tensor, orientation: Tensor, shoulder: Tensor, sizes: HandSizes, lift: Tensor
) -> BoneMaps:
    """Pose a right hand.

    Args:
        pose: (N, POSE_SIZE): bends 0 (straight) to 1 (in the fist); the far joints' share about 1; spread 0 to 1;
            the thumb's angles in radians.
        orientation: The hand's quaternion, (N, 4); the unit has fingers up and the palm to the camera.
        shoulder: Relative to the wrist, hand lengths, (N, 3).
        sizes: The person's proportions.
        lift: Of the elbow, from 0, where it hangs, to 1, held out beside the hand, (N,).
    """
    palm = matrices(orientation)
    starts, frames, scales = _joints(pose, sizes)
    starts = torch.einsum("nij,nbj->nbi", palm, starts)
    frames = palm[:, None] @ frames
    forearm_frame, upper_frame, elbow, stretch = _arm(palm, shoulder, lift)
    frames = torch.cat((torch.stack((forearm_frame, upper_frame), dim=1), frames), dim=1)
    starts = torch.cat((torch.stack((elbow, shoulder), dim=1), starts), dim=1)
    wide = sizes.widths[:, None].expand(-1, 2)
    scales = torch.cat((torch.stack((wide, stretch, wide), dim=-1), scales), dim=1)
    rest_frames, rest_starts = _rest(pose)
    linear = (frames * scales[:, :, None]) @ rest_frames.transpose(-1, -2)
    offsets = starts - torch.einsum("nbij,bj->nbi", linear, rest_starts)
    return BoneMaps(linear, offsets, frames @ rest_frames.transpose(-1, -2))


def _rest(like: Tensor) -> tuple[Tensor, Tensor]:
    """Frames (NUM_BONES, 3, 3) and starts (NUM_BONES, 3) at rest."""
    zero = like.new_zeros(())
    still = matrices(about_x(zero))
    frames = [still] * 3
    for spread in SPREADS:
        frames += [matrices(about_z(like.new_tensor(-spread)))] * 3
    abduction, opposition = (like.new_tensor(angle) for angle in THUMB_REST)
    frames += [_thumb_frame(abduction, opposition)] * 3
    return torch.stack(frames), like.new_tensor([bone.start for bone in BONES])


def _thumb_frame(abduction: Tensor, opposition: Tensor) -> Tensor:
    twist = torch.full_like(abduction, _THUMB_TWIST)
    return matrices(compose(about_z(-abduction), about_x(opposition), about_y(twist)))


def _joints(pose: Tensor, sizes: HandSizes) -> tuple[Tensor, Tensor, Tensor]:
    """Starts (N, 16, 3), frames (N, 16, 3, 3) and scales (N, 16, 3) of palm, fingers, thumb, in the palm's frame."""
    n = len(pose)
    finger_starts, finger_frames = _fingers(pose, sizes.finger_lengths[:, :4])
    thumb_starts, thumb_frames = _thumb(pose, sizes.finger_lengths[:, 4])
    palm_start = pose.new_zeros(n, 1, 3)
    palm_frame = torch.eye(3, device=pose.device).expand(n, 1, 3, 3)
    along = torch.cat((torch.ones_like(pose[:, :1]), sizes.finger_lengths.repeat_interleave(3, dim=1)), dim=1)
    wide = sizes.widths[:, None].expand_as(along)
    return (
        torch.cat((palm_start, finger_starts, thumb_starts), dim=1),
        torch.cat((palm_frame, finger_frames, thumb_frames), dim=1),
        torch.stack((wide, along, wide), dim=-1),
    )


def _fingers(pose: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Of four fingers, three joints each: starts (N, 12, 3) and frames (N, 12, 3, 3)."""
    bend, spread = pose[:, :4], pose[:, 5:6]
    # Bent fingers cannot spread: their joints' sides hold them.
    side = pose.new_tensor(SPREADS) * spread * 1.6 * (1 - 0.8 * bend.clamp(0, 1))
    at = pose.new_tensor([BONES[chain[0]].start for chain in FINGERS]).expand(len(pose), 4, 3)
    angle = torch.zeros_like(bend)
    starts, frames = [], []
    for joint, full in enumerate(_FULL_BEND):
        angle = angle + bend * full * (pose[:, 4:5] if joint else 1.0)
        frame = matrices(compose(about_z(-side), about_x(angle)))
        starts.append(at)
        frames.append(frame)
        resting = pose.new_tensor([BONES[chain[joint]].length for chain in FINGERS])
        at = at + frame[..., 1] * (resting * lengths)[..., None]
    return torch.stack(starts, dim=2).flatten(1, 2), torch.stack(frames, dim=2).flatten(1, 2)


def _thumb(pose: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Of the thumb's three joints: starts (N, 3, 3) and frames (N, 3, 3, 3)."""
    at = pose.new_tensor(BONES[THUMB[0]].start).expand(len(pose), 3)
    frame = _thumb_frame(pose[:, 6], pose[:, 7])
    starts, frames = [], []
    for share, resting in zip(_THUMB_BEND, THUMB_LENGTHS, strict=True):
        frame = frame @ matrices(about_x(pose[:, 8] * share))
        starts.append(at)
        frames.append(frame)
        at = at + frame[..., 1] * (resting * length)[:, None]
    return torch.stack(starts, dim=1), torch.stack(frames, dim=1)


def _arm(palm: Tensor, shoulder: Tensor, lift: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Frames of forearm and upper arm, the elbow (N, 3) and both lengths' scales (N, 2).

    The elbow lies on the circle that two bones between shoulder and wrist leave, where it hangs low or is lifted, away
    from the body and behind the hand, as far as these agree.
    """
    reach = shoulder.norm(dim=-1, keepdim=True).clamp(min=0.3)
    stretch = (reach / (0.97 * (FOREARM_LENGTH + UPPER_ARM_LENGTH))).clamp(min=1.0)
    fore, upper = FOREARM_LENGTH * stretch, UPPER_ARM_LENGTH * stretch
    reach = torch.maximum(reach, (upper - fore).abs() * 1.05)
    axis = shoulder / reach
    towards = (fore.square() - upper.square() + reach.square()) / (2 * reach)
    radius = (fore.square() - towards.square()).clamp(min=1e-4).sqrt()
    pole = palm[:, :, 1] * -1.1 + shoulder.new_tensor((-0.35, -1.0, -0.1))
    pole = pole + lift[:, None] * shoulder.new_tensor((-0.9, 1.3, 0.0))
    pole = pole - (pole * axis).sum(-1, keepdim=True) * axis
    pole = pole / pole.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    elbow = axis * towards + pole * radius
    forearm_frame = frame_from_axis(-elbow, palm[:, :, 0])
    upper_frame = frame_from_axis(elbow - shoulder, forearm_frame[:, :, 0])
    return forearm_frame, upper_frame, elbow, stretch.expand(-1, 2)
