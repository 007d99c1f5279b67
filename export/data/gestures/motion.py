"""Keyframes of one hand a clip, and where they put the hand at any instant.

A key is a row of numbers: the wrist's place (x, y) and the apparent hand length in frame heights, x from the middle of
the body towards the hand's own side, y from the frame's top down; a spin about the hand's own axis, radians; the
hand's quaternion; its pose.
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.hand_pose import POSE_SIZE
from tsm_edge.export.data.gestures.rotations import about_y, compose, slerp

__all__ = ["HandStates", "Key", "Motion", "MotionBuilder"]


@dataclass(frozen=True)
class Key:
    """A moment of a movement, for N clips."""

    x: Tensor
    y: Tensor
    length: Tensor
    spin: Tensor
    turn: Tensor
    pose: Tensor

    def but(self, **changes: Tensor) -> "Key":
        """The same with other values."""
        return replace(self, **changes)

    def where(self, chosen: Tensor, other: "Key") -> "Key":
        """This key's rows where `chosen`, (N,), is true, the other's elsewhere."""
        values = {}
        for field in fields(Key):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            values[field.name] = torch.where(chosen.reshape(-1, *[1] * (mine.ndim - 1)), mine, theirs)
        return Key(**values)

    def row(self) -> Tensor:
        """All values side by side, (N, 8 + POSE_SIZE)."""
        scalars = torch.stack((self.x, self.y, self.length, self.spin), dim=1)
        return torch.cat((scalars, self.turn, self.pose), dim=1)


ROW = 8 + POSE_SIZE
# Where a row keeps what; a pose's parts as hand_pose.POSE_SIZE describes.
PLACE, LENGTH, TURN = slice(0, 2), 2, slice(4, 8)
BENDS, SPREAD, THUMB = slice(8, 12), 13, slice(14, 17)


@dataclass(frozen=True)
class HandStates:
    """Hands at M instants of N clips; as in Key, with leading axes (N, M).

    Attributes:
        place: Wrist x and y, (N, M, 2).
        length: (N, M).
        turn: Quaternions with the spin applied, (N, M, 4).
        pose: (N, M, POSE_SIZE).
    """

    place: Tensor
    length: Tensor
    turn: Tensor
    pose: Tensor


@dataclass(frozen=True)
class Motion:
    """Movements of N clips.

    Attributes:
        times: Of the keys, seconds, (N, K), ascending.
        keys: (N, K, ROW).
        sharpness: Of the movement that leads to a key, 0 (even) to 1 (starts and ends at rest), (N, K).
        stroke: When the gesture proper begins and ends, seconds, (N, 2).
        told: From when to when a picture shows the gesture, seconds, (N, 2): the stroke, but a sign is shown as long
            as the hand is up, before and after the little movement that goes with it.
        shown: False where no hand comes into the picture at all, (N,).
    """

    times: Tensor
    keys: Tensor
    sharpness: Tensor
    stroke: Tensor
    told: Tensor
    shown: Tensor

    def delayed(self, by: Tensor) -> "Motion":
        """Later by (N,) seconds."""
        later = by[:, None]
        return replace(self, times=self.times + later, stroke=self.stroke + later, told=self.told + later)

    def at(self, times: Tensor) -> HandStates:
        """Hands at `times`, (N, M) seconds. Before the first and after the last key they rest there."""
        last = self.times.shape[1] - 1
        after = (times[:, :, None] >= self.times[:, None]).sum(-1).clamp(1, last)
        rows = torch.arange(len(times), device=times.device)[:, None]
        start, end = self.times[rows, after - 1], self.times[rows, after]
        even = ((times - start) / (end - start).clamp(min=1e-3)).clamp(0, 1)
        # Minimum-jerk course of a reaching movement, Flash and Hogan, 1985.
        smooth = even.pow(3) * (10 + even * (6 * even - 15))
        amount = torch.lerp(even, smooth, self.sharpness[rows, after])
        a, b = self.keys[rows, after - 1], self.keys[rows, after]
        mixed = torch.lerp(a, b, amount[..., None])
        turn = slerp(a[..., 4:8], b[..., 4:8], amount)
        return HandStates(
            mixed[..., :2], mixed[..., 2], compose(turn, about_y(mixed[..., 3])), mixed[..., 8:]
        )

    @staticmethod
    def gather(parts: "list[tuple[Tensor, Motion]]", count: int) -> "Motion":
        """Put the motions of some rows each, (rows, motion), together for `count` clips."""
        merged = {}
        for field in fields(Motion):
            values = [getattr(motion, field.name) for _, motion in parts]
            whole = values[0].new_zeros(count, *values[0].shape[1:])
            for (rows, _), value in zip(parts, values, strict=True):
                whole[rows] = value
            merged[field.name] = whole
        return Motion(**merged)


class MotionBuilder:
    """Collects keys one after another; short movements are filled up by waiting."""

    KEYS = 16

    def __init__(self, first: Key) -> None:
        self._time = torch.zeros_like(first.x)
        self._times = [self._time]
        self._rows = [first.row()]
        self._sharp = [torch.ones_like(first.x)]
        self._stroke: list[Tensor] = []
        self._told: list[Tensor] = []

    def to(self, key: Key, duration: Tensor, sharpness: float | Tensor = 0.85) -> "MotionBuilder":
        """Move to `key` within (N,) seconds; 0 seconds skip it where key is the one before."""
        self._time = self._time + duration.clamp(min=0)
        self._times.append(self._time)
        self._rows.append(key.row())
        self._sharp.append(torch.zeros_like(self._time) + sharpness)
        return self

    def mark(self) -> "MotionBuilder":
        """The stroke begins, or at the second call ends, here."""
        self._stroke.append(self._time)
        return self

    def mark_sign(self) -> "MotionBuilder":
        """A sign is up from here on, or at the second call until here."""
        self._told.append(self._time)
        return self

    def build(self, shown: Tensor | None = None) -> Motion:
        """The motion; it begins at 0 seconds."""
        missing = self.KEYS - len(self._times)
        assert missing >= 0, f"{len(self._times)} keys; room for {self.KEYS}"
        times = torch.stack(self._times + [self._time + 0.01 * (i + 1) for i in range(missing)], dim=1)
        keys = torch.stack(self._rows + [self._rows[-1]] * missing, dim=1)
        sharp = torch.stack(self._sharp + [self._sharp[-1]] * missing, dim=1)
        stroke = torch.stack(self._stroke, dim=1) if self._stroke else torch.zeros_like(times[:, :2])
        seen = torch.ones_like(self._time, dtype=torch.bool) if shown is None else shown
        told = torch.stack(self._told, dim=1) if self._told else stroke
        return Motion(times, keys, sharp, stroke, told, seen)
