"""What all movements share: who moves, where hands rest, raising and lowering them.

Movements are written for a right hand. A left hand's are the mirror image, so that "left" and "clockwise" are swapped
for it: `Body.side` is 1 for right hands. Pictures are not mirrored: what a person swipes to the left moves from the
picture's left to its right.

Orientations: turn = about_z(roll) about_x(pitch) about_y(yaw). With all 0 the fingers point up and the palm looks into
the camera; pitch 90 degrees points the fingers at the camera with the palm down; yaw 90 degrees turns the palm to the
body's middle, 180 to the body.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tsm_edge.export.data.gestures import poses
from tsm_edge.export.data.gestures.motion import Key, Motion, MotionBuilder
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.rotations import about_x, about_y, about_z, compose

__all__ = ["Body", "holding", "perform", "ready_to_go", "resting", "turn_of", "zeros"]


@dataclass(frozen=True)
class Body:
    """What a movement depends on; each (N,), frame heights.

    Attributes:
        side: 1 where the right hand gestures, -1 where the left one does.
        length: Apparent hand length.
        x: Where the hand likes to be, from the body's middle to its own side.
        y: The same for the wrist, from the frame's top.
        reach: How far from the body's middle the frame ends, to the hand's own side and to the other, (N, 2).
        head: Height of the head's middle and the head's half width, (N, 2).
    """

    side: Tensor
    length: Tensor
    x: Tensor
    y: Tensor
    reach: Tensor
    head: Tensor

    def rows(self, chosen: Tensor) -> "Body":
        """Some clips' bodies."""
        return Body(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def inside(self, x: Tensor, margin: float = 0.02) -> Tensor:
        """x, pulled back so that a hand about it is in the frame."""
        room = self.length * 0.3 + margin
        return torch.minimum(torch.maximum(x, -self.reach[:, 1] + room), self.reach[:, 0] - room)


def turn_of(roll: Tensor, pitch: Tensor, yaw: Tensor) -> Tensor:
    """A quaternion of three angles in degrees."""
    roll, pitch, yaw = (angle * (math.pi / 180) for angle in (roll, pitch, yaw))
    return compose(about_z(roll), about_x(pitch), about_y(yaw))


def zeros(body: Body) -> Tensor:
    """Nothing for every clip, (N,)."""
    return torch.zeros_like(body.x)


def resting(r: ClipRandom, body: Body) -> Key:
    """Below the frame, on a desk or in the lap."""
    return Key(
        x=body.x + r.normal(0.1) + 0.04,
        y=1.22 + body.length * 0.55 + r.uniform(0, 0.15),
        length=body.length * r.uniform(0.85, 1.0),
        spin=zeros(body),
        turn=turn_of(r.normal(15), r.uniform(30, 100), r.normal(25)),
        pose=poses.relaxed(r),
    )


def ready_to_go(r: ClipRandom, body: Body) -> Key:
    """Raised where the hand likes to be, palm to the camera."""
    turn = turn_of(r.normal(10), r.uniform(-12, 25), r.normal(15))
    return Key(body.x, body.y, body.length, zeros(body), turn, poses.opened(r))


def perform(
    r: ClipRandom, body: Body, strokes: list[tuple[Key, Tensor, float]], first: Key, hold: Tensor,
    sign: bool = False,
) -> Motion:  # fmt: skip
    """Raise the hand to `first`, wait, make the strokes (key, seconds, sharpness), hold, lower it.

    A `sign` can be told as soon as the hand is up, and as long as it is.
    """
    rest = resting(r, body)
    wait = torch.where(r.chance(0.65), r.uniform(0.05, 0.7), 0.02 + zeros(body))
    motion = MotionBuilder(rest).to(first, r.uniform(0.22, 0.6))
    if sign:
        motion.mark_sign()
    motion.to(first, wait).mark()
    last = first
    for key, seconds, sharpness in strokes:
        motion.to(key, seconds, sharpness)
        last = key
    motion.mark()
    drift = last.but(x=last.x + r.normal(0.012), y=last.y + r.normal(0.012))
    motion.to(drift, hold)
    if sign:
        motion.mark_sign()
    down = resting(r, body)
    down = down.but(x=torch.lerp(down.x, drift.x, r.uniform(0.0, 0.8)))
    aside = r.chance(0.12)
    down = down.but(x=torch.where(aside, body.reach[:, 0] + body.length, down.x))
    return motion.to(down, r.uniform(0.25, 0.6)).build()


def holding(r: ClipRandom, longest: float = 0.8, chance: float = 0.7) -> Tensor:
    """For how long the hand stays after the stroke, seconds, (N,); often not at all."""
    return torch.where(r.chance(chance), r.uniform(0.02, longest), 0.01 + 0 * r.unit())
