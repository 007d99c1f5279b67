"""How people make each gesture: keys of preparation, stroke, hold and retraction.

Movements are written for a right hand. A left hand's are the mirror image, so that "left" and "clockwise" are swapped
for it here: `Body.side` is 1 for right hands. Pictures are not mirrored: what a person swipes to the left moves from the
picture's left to its right.

Orientations: turn = about_z(roll) about_x(pitch) about_y(yaw). With all 0 the fingers point up and the palm looks into
the camera; pitch 90 degrees points the fingers at the camera with the palm down; yaw 90 degrees turns the palm to the
body's middle, 180 to the body.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tsm_edge.export.data.gestures import poses
from tsm_edge.export.data.gestures.labels import GESTURE_LABELS
from tsm_edge.export.data.gestures.motion import Key, Motion, MotionBuilder
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.rotations import about_x, about_y, about_z, compose

__all__ = ["Body", "choreograph"]


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


def _turn(roll: Tensor, pitch: Tensor, yaw: Tensor) -> Tensor:
    """A quaternion of three angles in degrees."""
    roll, pitch, yaw = (angle * (math.pi / 180) for angle in (roll, pitch, yaw))
    return compose(about_z(roll), about_x(pitch), about_y(yaw))


def _zero(body: Body) -> Tensor:
    return torch.zeros_like(body.x)


def _rest(r: ClipRandom, body: Body) -> Key:
    """Below the frame, on a desk or in the lap."""
    return Key(
        x=body.x + r.normal(0.1) + 0.04,
        y=1.22 + body.length * 0.55 + r.uniform(0, 0.15),
        length=body.length * r.uniform(0.85, 1.0),
        spin=_zero(body),
        turn=_turn(r.normal(15), r.uniform(30, 100), r.normal(25)),
        pose=poses.relaxed(r),
    )


def _ready(r: ClipRandom, body: Body) -> Key:
    """Raised where the hand likes to be, palm to the camera."""
    turn = _turn(r.normal(10), r.uniform(-12, 25), r.normal(15))
    return Key(body.x, body.y, body.length, _zero(body), turn, poses.opened(r))


def _perform(r: ClipRandom, body: Body, strokes: list[tuple[Key, Tensor, float]], first: Key, hold: Tensor) -> Motion:
    """Raise the hand to `first`, wait, make the strokes (key, seconds, sharpness), hold, lower it."""
    rest = _rest(r, body)
    wait = torch.where(r.chance(0.65), r.uniform(0.05, 0.7), 0.02 + _zero(body))
    motion = MotionBuilder(rest).to(first, r.uniform(0.22, 0.6)).to(first, wait).mark()
    last = first
    for key, seconds, sharpness in strokes:
        motion.to(key, seconds, sharpness)
        last = key
    motion.mark()
    drift = last.but(x=last.x + r.normal(0.012), y=last.y + r.normal(0.012))
    motion.to(drift, hold)
    down = _rest(r, body)
    down = down.but(x=torch.lerp(down.x, drift.x, r.uniform(0.0, 0.8)))
    aside = r.chance(0.12)
    down = down.but(x=torch.where(aside, body.reach[:, 0] + body.length, down.x))
    return motion.to(down, r.uniform(0.25, 0.6)).build()


def _hold(r: ClipRandom, longest: float = 0.8, chance: float = 0.7) -> Tensor:
    return torch.where(r.chance(chance), r.uniform(0.02, longest), 0.01 + 0 * r.unit())


def _swipe_sideways(r: ClipRandom, body: Body, to_left: bool) -> Motion:
    # Person's left is the picture's right, which for a right hand is the body's middle: local x falls.
    way = torch.where(body.side > 0, -1.0, 1.0) * (1.0 if to_left else -1.0)
    reach = r.uniform(0.22, 0.5)
    middle = torch.where(r.chance(0.5), body.x * 0.6, body.x * 0.2 + r.normal(0.08))
    start, end = body.inside(middle - way * reach, -0.05), body.inside(middle + way * reach, -0.08)
    # Palm to the body's middle is how a swiping hand is held either way; flat to the camera is next.
    kind = r.pick((0.55, 0.27, 0.1, 0.08))
    yaws = torch.stack((r.uniform(50, 105), r.normal(22), r.uniform(140, 210), r.uniform(-80, -40)), dim=1)
    yaw = yaws.gather(1, kind[:, None])[:, 0]
    lean = r.uniform(0, 50) * r.uniform(0.4, 1.0)
    bow, level, lift = r.uniform(-8, 40), r.normal(0.05), r.normal(0.04)
    flat = torch.where(r.chance(0.25), r.uniform(20, 55), _zero(body))  # forearm level, fingers to the middle
    pose = poses.opened(r)
    ready = _ready(r, body)
    a = ready.but(x=start, y=body.y + level, turn=_turn(-way * lean - flat, bow, yaw), pose=pose)
    b_turn = _turn(way * lean * r.uniform(0.5, 1.3) - flat, bow + r.normal(12), yaw + r.normal(18))
    b = a.but(x=end, y=a.y + lift, turn=b_turn)
    arc = a.but(
        x=(a.x + b.x) / 2, y=(a.y + b.y) / 2 - r.uniform(-0.02, 0.08), turn=_turn(-flat, bow, yaw + r.normal(8))
    )
    seconds = r.log_uniform(0.2, 0.8)
    strokes = [(arc, seconds * 0.5, 0.2), (b, seconds * 0.5, 0.3)]
    return _perform(r, body, strokes, a, _hold(r, 0.7, 0.6))


def _swipe_upright(r: ClipRandom, body: Body, upwards: bool) -> Motion:
    reach = r.uniform(0.22, 0.45)
    # Up: the palm looks up, then to the body. Down: mostly the palm to the camera, then down; some make Up backwards.
    towards_body = r.chance(0.72 if upwards else 0.3)
    yaw = torch.where(towards_body, r.uniform(145, 215), r.normal(28))
    low_pitch, high_pitch = r.uniform(45, 100), r.uniform(-25, 22)
    roll = torch.where(r.chance(0.3), r.uniform(-60, 60), r.normal(10))
    x = body.x * r.uniform(0.3, 1.0)
    pose = poses.opened(r)
    ready = _ready(r, body).but(pose=pose)
    low_y = torch.minimum(body.y + reach * r.uniform(0.5, 0.9), 0.98 + 0.1 * body.length)
    low = ready.but(x=x, y=low_y, turn=_turn(roll, low_pitch, yaw), length=body.length * r.uniform(1.0, 1.12))
    high_y = torch.maximum(low_y - reach * r.uniform(1.0, 1.7), body.length * 0.85)
    high = ready.but(x=x + r.normal(0.05), y=high_y, turn=_turn(roll * r.uniform(0.2, 1.0), high_pitch, yaw + r.normal(12)))
    seconds = r.log_uniform(0.22, 0.85)
    first, last = (low, high) if upwards else (high, low)
    return _perform(r, body, [(last, seconds, 0.55)], first, _hold(r, 0.7, 0.6 if upwards else 0.4))


def _zoom(r: ClipRandom, body: Body, opens: bool) -> Motion:
    closed, spread = poses.pinched(r), poses.opened(r)
    spread = torch.cat((spread[:, :5], r.uniform(0.4, 1.3, 1), r.uniform(0.7, 1.2, 1), spread[:, 7:]), dim=1)
    yaw = torch.stack((r.normal(18), r.uniform(35, 90), r.uniform(-45, -10)), dim=1)
    yaw = yaw.gather(1, r.pick((0.55, 0.35, 0.1))[:, None])[:, 0]
    pitch, roll = r.uniform(-8, 55), r.normal(16)
    ready = _ready(r, body)
    pinch = ready.but(pose=closed, turn=_turn(roll, pitch + r.uniform(0, 12), yaw))
    open_ = ready.but(
        pose=spread, turn=_turn(roll + r.normal(6), pitch, yaw + r.normal(8)), length=body.length * r.uniform(0.98, 1.06),
        x=ready.x + r.normal(0.02), y=ready.y + r.normal(0.02),
    )  # fmt: skip
    first, last = (pinch, open_) if opens else (open_, pinch)
    seconds = r.log_uniform(0.25, 1.2)
    again = r.chance(0.12)
    back = torch.where(again, seconds * r.uniform(1.0, 1.6), _zero(body))
    repeat = torch.where(again, seconds, _zero(body))
    after = Key(*(torch.where(_like(again, a), a, b) for a, b in zip(_values(first), _values(last), strict=True)))
    return _perform(r, body, [(last, seconds, 0.8), (after, back, 0.9), (last, repeat, 0.8)], first, _hold(r, 0.9))


def _values(key: Key) -> list[Tensor]:
    return [getattr(key, name) for name in key.__dataclass_fields__]


def _like(mask: Tensor, value: Tensor) -> Tensor:
    return mask.reshape(-1, *[1] * (value.ndim - 1))


def _stop(r: ClipRandom, body: Body) -> Motion:
    ready = _ready(r, body)
    turn = _turn(r.normal(9), r.uniform(-22, 12), r.normal(14))
    near = r.uniform(1.0, 1.16)
    pose = poses.opened(r)
    a = ready.but(turn=turn, pose=pose)
    b = a.but(length=a.length * near, y=a.y + r.normal(0.02))
    return _perform(r, body, [(b, r.uniform(0.12, 0.35), 0.7)], a, r.uniform(0.5, 1.8))


def _thumb(r: ClipRandom, body: Body, up: bool) -> Motion:
    # The thumb's line is upright; the forearm points at the camera (0) or across to the body's middle (90 degrees).
    across = torch.where(r.chance(0.75), r.uniform(0, 85), r.uniform(-40, 10))
    level = r.normal(10) - (8 if up else -4)
    degree = math.pi / 180
    turn = compose(
        about_z(r.normal(9) * degree),
        about_y(across * degree),
        about_x((90 + level) * degree),
        about_y(((1 if up else -1) * 90 + r.normal(12)) * degree),
    )
    pose = poses.thumb_out(r)
    ready = _ready(r, body)
    at_y = body.y - (0.12 if up else 0.22) * body.length
    first = ready.but(turn=turn, pose=pose, y=at_y, x=body.x * r.uniform(0.4, 1.0))
    push = first.but(y=at_y - (1 if up else -1) * r.uniform(0, 0.09), length=first.length * r.uniform(1.0, 1.08))
    return _perform(r, body, [(push, r.uniform(0.1, 0.35), 0.7)], first, r.uniform(0.4, 1.6))


def _shake(r: ClipRandom, body: Body) -> Motion:
    """Waving: the forearm about the elbow, the hand about the wrist, or the palm turned to and fro."""
    count = 3 + r.pick((1, 2, 2, 2, 1, 1))
    lean, across, twist = r.uniform(8, 34), r.uniform(0.0, 0.11), r.uniform(0, 35) * r.chance(0.35)
    yaw, pitch = r.normal(18), r.uniform(-12, 20)
    period = r.uniform(0.13, 0.3)
    ready = _ready(r, body).but(pose=poses.opened(r))
    strokes: list[tuple[Key, Tensor, float]] = []
    last, first = ready, ready
    for beat in range(8):
        way = 1.0 if beat % 2 else -1.0
        size = r.uniform(0.7, 1.1)
        key = ready.but(
            x=ready.x + way * across * size, turn=_turn(way * lean * size, pitch, yaw + way * twist * size)
        )
        if beat == 0:
            first = last = key
            continue
        going = beat <= count
        key = Key(*(torch.where(_like(going, a), a, b) for a, b in zip(_values(key), _values(last), strict=True)))
        strokes.append((key, torch.where(going, period * r.uniform(0.85, 1.15), _zero(body)), 0.8))
        last = key
    return _perform(r, body, strokes, first, _hold(r, 0.5, 0.5))


def _rotate(r: ClipRandom, body: Body, clockwise: bool) -> Motion:
    """Turning the upright forearm, clockwise as seen from above; or a knob towards the camera, as its owner sees it."""
    knob = r.chance(0.25)
    angle, middle = r.uniform(85, 185), r.uniform(55, 115)
    # A growing spin is counterclockwise from above, and clockwise for who looks along a forearm towards the camera.
    grows = torch.where(knob, 1.0, -1.0) * body.side * (1.0 if clockwise else -1.0)
    pose = torch.where((knob | r.chance(0.3))[:, None], poses.clawed(r), poses.opened(r))
    pitch = torch.where(knob, r.uniform(50, 90), r.uniform(-12, 35))
    turn = _turn(r.normal(12), pitch, _zero(body))
    degree = math.pi / 180
    from_, to = ((middle - way * grows * angle / 2) * degree for way in (1, -1))
    ready = _ready(r, body)
    first = ready.but(turn=turn, spin=from_, pose=pose)
    last = first.but(spin=to, x=first.x + r.normal(0.03), y=first.y + r.normal(0.03))
    seconds = r.log_uniform(0.3, 1.2)
    return _perform(r, body, [(last, seconds, 0.6)], first, _hold(r, 0.8))


def _along_view(r: ClipRandom, body: Body, away: bool) -> Motion:
    grow = r.uniform(1.35, 2.1)
    near_body = body.length * r.uniform(0.62, 0.85)
    to_body = r.chance(0.04 if away else 0.6)
    yaw = torch.where(to_body, r.uniform(150, 210), r.normal(16))
    pitch = r.uniform(-25, 25)
    pose = poses.opened(r)
    ready = _ready(r, body).but(pose=pose)
    back = ready.but(length=near_body, turn=_turn(r.normal(9), pitch, yaw), x=body.x * 0.7, y=body.y + r.uniform(-0.02, 0.1))
    far_length = torch.minimum(near_body * grow, 0.95 + _zero(body))
    out = back.but(length=far_length, x=body.x * 0.8 + r.normal(0.04), y=body.y + r.uniform(0.0, 0.18))
    out = out.but(turn=_turn(r.normal(9), pitch + r.normal(14), yaw + r.normal(8)))
    first, last = (back, out) if away else (out, back)
    return _perform(r, body, [(last, r.log_uniform(0.28, 1.0), 0.7)], first, _hold(r, 0.9))


def _nothing(r: ClipRandom, body: Body) -> Motion:
    """No hand, or one that rests somewhere in the picture."""
    rest = _rest(r, body)
    shown = r.chance(0.22)
    still = rest.but(
        x=body.inside(body.x + r.normal(0.15)), y=r.uniform(0.85, 1.12), length=body.length * r.uniform(0.6, 0.95),
        turn=_turn(r.uniform(-70, 90), r.uniform(0, 100), r.normal(60)), pose=poses.mixed(r),
    )  # fmt: skip
    at_face = r.chance(0.25)
    still = still.but(
        x=torch.where(at_face, body.head[:, 1] * r.uniform(0.3, 1.2), still.x),
        y=torch.where(at_face, body.head[:, 0] + body.head[:, 1] * 1.7 + r.uniform(0, 0.1), still.y),
        length=torch.where(at_face, body.head[:, 1] * 2.1, still.length),
    )
    later = still.but(x=still.x + r.normal(0.01), y=still.y + r.normal(0.01))
    return MotionBuilder(still).to(later, r.uniform(1, 3)).mark().mark().build(shown)


def _anything(r: ClipRandom, body: Body) -> Motion:
    """To the face and hair, across the desk, at nothing in particular; one to five movements, some begun gestures."""
    count = 1 + r.pick((1, 2, 2, 2, 1))
    to_face = r.chance(0.4)
    rest = _rest(r, body)
    motion = MotionBuilder(rest).mark()
    last = rest
    pose = poses.mixed(r)
    for step in range(5):
        free = Key(
            x=body.inside(body.x * 0.5 + r.normal(0.3), -0.1), y=r.uniform(0.35, 1.15), length=body.length * r.uniform(0.6, 1.05),
            spin=_zero(body), turn=_turn(r.normal(45), r.uniform(-20, 100), r.normal(75)),
            pose=torch.where(r.chance(0.4)[:, None], poses.mixed(r), pose),
        )  # fmt: skip
        up = body.head[:, 0] + body.head[:, 1] * r.uniform(-1.2, 2.2)
        face = free.but(
            x=body.head[:, 1] * r.uniform(-0.3, 1.6), y=up + body.head[:, 1] * 1.4, length=body.head[:, 1] * 2.1,
            turn=_turn(r.uniform(-15, 70), r.normal(25), 180 + r.normal(45)),
        )  # fmt: skip
        key = Key(*(torch.where(_like(to_face, a), a, b) for a, b in zip(_values(face), _values(free), strict=True)))
        going = step < count
        key = Key(*(torch.where(_like(going, a), a, b) for a, b in zip(_values(key), _values(last), strict=True)))
        motion.to(key, torch.where(going, r.log_uniform(0.2, 0.9), _zero(body)), 0.8)
        pause = torch.where(going & r.chance(0.6), r.uniform(0.05, 0.7), _zero(body))
        motion.to(key.but(x=key.x + r.normal(0.01)), pause)
        last = key
    motion.mark()
    down = Key(*(torch.where(_like(r.chance(0.75), a), a, b) for a, b in zip(_values(rest), _values(last), strict=True)))
    return motion.to(down, r.uniform(0.3, 0.7)).build()


_SCRIPTS: dict[str, Callable[[ClipRandom, Body], Motion]] = {
    "No gesture": _nothing,
    "Doing other things": _anything,
    "Swiping Left": lambda r, body: _swipe_sideways(r, body, to_left=True),
    "Swiping Right": lambda r, body: _swipe_sideways(r, body, to_left=False),
    "Swiping Up": lambda r, body: _swipe_upright(r, body, upwards=True),
    "Swiping Down": lambda r, body: _swipe_upright(r, body, upwards=False),
    "Zooming In With Full Hand": lambda r, body: _zoom(r, body, opens=True),
    "Zooming Out With Full Hand": lambda r, body: _zoom(r, body, opens=False),
    "Stop Sign": _stop,
    "Thumb Up": lambda r, body: _thumb(r, body, up=True),
    "Shaking Hand": _shake,
    "Turning Hand Clockwise": lambda r, body: _rotate(r, body, clockwise=True),
    "Turning Hand Counterclockwise": lambda r, body: _rotate(r, body, clockwise=False),
    "Pushing Hand Away": lambda r, body: _along_view(r, body, away=True),
    "Pulling Hand In": lambda r, body: _along_view(r, body, away=False),
    "Thumb Down": lambda r, body: _thumb(r, body, up=False),
}


def choreograph(r: ClipRandom, body: Body, labels: Tensor, duration: Tensor) -> Motion:
    """A movement for every clip, laid into its `duration` (N,) seconds so that the stroke is inside.

    Args:
        r: The clips' random numbers.
        body: Who moves.
        labels: Indices into GESTURE_LABELS, (N,), int64.
        duration: Seconds that will be seen, from 0.
    """
    parts = []
    for index, name in enumerate(GESTURE_LABELS):
        rows = torch.nonzero(labels == index)[:, 0]
        if len(rows):
            parts.append((rows, _SCRIPTS[name](r.rows(rows), body.rows(rows))))
    motion = Motion.gather(parts, len(labels))
    start, end = motion.stroke.unbind(1)
    latest = (duration - (end - start) - 0.1).clamp(min=0.1)
    share = torch.where(r.chance(0.45), r.uniform(0.0, 0.35), r.unit())  # many begin soon
    begin = torch.lerp(torch.full_like(latest, 0.1), latest, share)
    seen_rising = r.chance(0.65) & (start < latest)  # others begin with the hand up already
    begin = torch.where(seen_rising, torch.maximum(begin, start), begin)
    return motion.delayed(begin - start)
