"""The gestures proper, each as keys of preparation, stroke, hold and retraction; movement.py says in which axes."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tsm_edge.export.data.gestures import poses
from tsm_edge.export.data.gestures.motion import Key, Motion
from tsm_edge.export.data.gestures.movement import Body, holding, perform, ready_to_go, turn_of, zeros
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.rotations import about_x, about_y, about_z, compose

__all__ = [
    "along_view",
    "drum",
    "rotate",
    "shake",
    "stop",
    "swipe_sideways",
    "swipe_upright",
    "thumb",
    "zoom",
]


MakePose = Callable[[ClipRandom], Tensor]


def swipe_sideways(r: ClipRandom, body: Body, to_left: bool, pose: MakePose = poses.opened) -> Motion:
    """The hand crosses the picture level, with some bow; `to_left` is the person's left."""
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
    flat = torch.where(r.chance(0.25), r.uniform(20, 55), zeros(body))  # forearm level, fingers to the middle
    fingers = pose(r)
    ready = ready_to_go(r, body)
    a = ready.but(x=start, y=body.y + level, turn=turn_of(-way * lean - flat, bow, yaw), pose=fingers)
    b_turn = turn_of(way * lean * r.uniform(0.5, 1.3) - flat, bow + r.normal(12), yaw + r.normal(18))
    b = a.but(x=end, y=a.y + lift, turn=b_turn)
    arc = a.but(
        x=(a.x + b.x) / 2,
        y=(a.y + b.y) / 2 - r.uniform(-0.02, 0.08),
        turn=turn_of(-flat, bow, yaw + r.normal(8)),
    )
    seconds = r.log_uniform(0.2, 0.8)
    strokes = [(arc, seconds * 0.5, 0.2), (b, seconds * 0.5, 0.3)]
    return perform(r, body, strokes, a, holding(r, 0.7, 0.6))


def swipe_upright(r: ClipRandom, body: Body, upwards: bool, pose: MakePose = poses.opened) -> Motion:
    """Up: from low with the palm up the hand flips upright. Down: the way back, or as one waves down."""
    reach = r.uniform(0.22, 0.45)
    # Up: the palm looks up, then to the body. Down: mostly the palm to the camera, then down; some make Up backwards.
    towards_body = r.chance(0.72 if upwards else 0.3)
    yaw = torch.where(towards_body, r.uniform(145, 215), r.normal(28))
    low_pitch, high_pitch = r.uniform(45, 100), r.uniform(-25, 22)
    roll = torch.where(r.chance(0.3), r.uniform(-60, 60), r.normal(10))
    x = body.x * r.uniform(0.3, 1.0)
    fingers = pose(r)
    ready = ready_to_go(r, body).but(pose=fingers)
    low_y = torch.minimum(body.y + reach * r.uniform(0.5, 0.9), 0.98 + 0.1 * body.length)
    low = ready.but(
        x=x, y=low_y, turn=turn_of(roll, low_pitch, yaw), length=body.length * r.uniform(1.0, 1.12)
    )
    high_y = torch.maximum(low_y - reach * r.uniform(1.0, 1.7), body.length * 0.85)
    high = ready.but(
        x=x + r.normal(0.05),
        y=high_y,
        turn=turn_of(roll * r.uniform(0.2, 1.0), high_pitch, yaw + r.normal(12)),
    )
    seconds = r.log_uniform(0.22, 0.85)
    first, last = (low, high) if upwards else (high, low)
    return perform(r, body, [(last, seconds, 0.55)], first, holding(r, 0.7, 0.6 if upwards else 0.4))


def zoom(r: ClipRandom, body: Body, opens: bool) -> Motion:
    """All finger tips part from the thumb's (in), or come together with it (out); some do it twice."""
    closed, spread = poses.pinched(r), poses.opened(r)
    spread = torch.cat((spread[:, :5], r.uniform(0.4, 1.3, 1), r.uniform(0.7, 1.2, 1), spread[:, 7:]), dim=1)
    yaw = torch.stack((r.normal(18), r.uniform(35, 90), r.uniform(-45, -10)), dim=1)
    yaw = yaw.gather(1, r.pick((0.55, 0.35, 0.1))[:, None])[:, 0]
    pitch, roll = r.uniform(-8, 55), r.normal(16)
    ready = ready_to_go(r, body)
    pinch = ready.but(pose=closed, turn=turn_of(roll, pitch + r.uniform(0, 12), yaw))
    open_ = ready.but(
        pose=spread, turn=turn_of(roll + r.normal(6), pitch, yaw + r.normal(8)),
        length=body.length * r.uniform(0.98, 1.06), x=ready.x + r.normal(0.02), y=ready.y + r.normal(0.02),
    )  # fmt: skip
    first, last = (pinch, open_) if opens else (open_, pinch)
    seconds = r.log_uniform(0.25, 1.2)
    again = r.chance(0.12)
    back = torch.where(again, seconds * r.uniform(1.0, 1.6), zeros(body))
    repeat = torch.where(again, seconds, zeros(body))
    after = first.where(again, last)
    return perform(
        r, body, [(last, seconds, 0.8), (after, back, 0.9), (last, repeat, 0.8)], first, holding(r, 0.9)
    )


def stop(r: ClipRandom, body: Body) -> Motion:
    """The open hand is held up, palm to the camera."""
    ready = ready_to_go(r, body)
    turn = turn_of(r.normal(9), r.uniform(-22, 12), r.normal(14))
    near = r.uniform(1.0, 1.16)
    pose = poses.opened(r)
    a = ready.but(turn=turn, pose=pose)
    b = a.but(length=a.length * near, y=a.y + r.normal(0.02))
    return perform(r, body, [(b, r.uniform(0.12, 0.35), 0.7)], a, r.uniform(0.5, 1.8), sign=True)


def thumb(r: ClipRandom, body: Body, up: bool) -> Motion:
    """A fist with the thumb up or down is held out."""
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
    ready = ready_to_go(r, body)
    at_y = body.y - (0.12 if up else 0.22) * body.length
    first = ready.but(turn=turn, pose=pose, y=at_y, x=body.x * r.uniform(0.4, 1.0))
    push = first.but(
        y=at_y - (1 if up else -1) * r.uniform(0, 0.09), length=first.length * r.uniform(1.0, 1.08)
    )
    return perform(r, body, [(push, r.uniform(0.1, 0.35), 0.7)], first, r.uniform(0.4, 1.6), sign=True)


def shake(r: ClipRandom, body: Body) -> Motion:
    """Waving: the forearm about the elbow, the hand about the wrist, or the palm turned to and fro."""
    count = 3 + r.pick((1, 2, 2, 2, 1, 1))
    lean, across, twist = r.uniform(8, 34), r.uniform(0.0, 0.11), r.uniform(0, 35) * r.chance(0.35)
    yaw, pitch = r.normal(18), r.uniform(-12, 20)
    period = r.uniform(0.13, 0.3)
    ready = ready_to_go(r, body).but(pose=poses.opened(r))

    def key_of(beat: int) -> Key:
        way = 1.0 if beat % 2 else -1.0
        size = r.uniform(0.7, 1.1)
        turn = turn_of(way * lean * size, pitch, yaw + way * twist * size)
        return ready.but(x=ready.x + way * across * size, turn=turn)

    return _beat(r, body, key_of, count, period, sharpness=0.8)


def drum(r: ClipRandom, body: Body) -> Motion:
    """The fingers of a raised hand beat one after another, as on a table."""
    count = 3 + r.pick((1, 2, 2, 2, 1, 1))
    yaw, pitch = r.normal(18), r.uniform(-10, 60)
    ready = ready_to_go(r, body).but(turn=turn_of(r.normal(10), pitch, yaw))
    loose = poses.opened(r)
    period, depth = r.uniform(0.1, 0.22), r.uniform(0.35, 0.7)
    wave = torch.linspace(0, 2.2, 4, device=r.device)  # one after another, and all of them up again

    def key_of(beat: int) -> Key:
        bends = depth[:, None] * (0.5 + 0.5 * torch.cos(math.pi * beat - wave)) * r.uniform(0.8, 1.1, 1)
        return ready.but(pose=torch.cat((bends, loose[:, 4:]), dim=1))

    return _beat(r, body, key_of, count, period, sharpness=0.7)


def rotate(r: ClipRandom, body: Body, clockwise: bool) -> Motion:
    """Turning the upright forearm, clockwise as seen from above; or a knob towards the camera, as its owner sees it."""
    knob = r.chance(0.25)
    angle, middle = r.uniform(85, 185), r.uniform(55, 115)
    # A growing spin is counterclockwise from above, and clockwise for who looks along a forearm towards the camera.
    grows = torch.where(knob, 1.0, -1.0) * body.side * (1.0 if clockwise else -1.0)
    pose = torch.where((knob | r.chance(0.3))[:, None], poses.clawed(r), poses.opened(r))
    pitch = torch.where(knob, r.uniform(50, 90), r.uniform(-12, 35))
    turn = turn_of(r.normal(12), pitch, zeros(body))
    degree = math.pi / 180
    from_, to = ((middle - way * grows * angle / 2) * degree for way in (1, -1))
    ready = ready_to_go(r, body)
    first = ready.but(turn=turn, spin=from_, pose=pose)
    last = first.but(spin=to, x=first.x + r.normal(0.03), y=first.y + r.normal(0.03))
    seconds = r.log_uniform(0.3, 1.2)
    return perform(r, body, [(last, seconds, 0.6)], first, holding(r, 0.8))


def along_view(r: ClipRandom, body: Body, away: bool) -> Motion:
    """The hand goes to the camera (away from its owner) or comes back."""
    grow = r.uniform(1.35, 2.1)
    near_body = body.length * r.uniform(0.62, 0.85)
    to_body = r.chance(0.04 if away else 0.6)
    yaw = torch.where(to_body, r.uniform(150, 210), r.normal(16))
    pitch = r.uniform(-25, 25)
    pose = poses.opened(r)
    ready = ready_to_go(r, body).but(pose=pose)
    back = ready.but(
        length=near_body,
        turn=turn_of(r.normal(9), pitch, yaw),
        x=body.x * 0.7,
        y=body.y + r.uniform(-0.02, 0.1),
    )
    far_length = torch.minimum(near_body * grow, 0.95 + zeros(body))
    out = back.but(length=far_length, x=body.x * 0.8 + r.normal(0.04), y=body.y + r.uniform(0.0, 0.18))
    out = out.but(turn=turn_of(r.normal(9), pitch + r.normal(14), yaw + r.normal(8)))
    first, last = (back, out) if away else (out, back)
    return perform(r, body, [(last, r.log_uniform(0.28, 1.0), 0.7)], first, holding(r, 0.9))


def _beat(
    r: ClipRandom, body: Body, key_of: Callable[[int], Key], count: Tensor, period: Tensor, sharpness: float
) -> Motion:
    """From one of `key_of`'s keys to the next, `count` times (N,), at most seven, some `period` (N,) seconds each."""
    first = last = key_of(0)
    strokes: list[tuple[Key, Tensor, float]] = []
    for beat in range(1, 8):
        going = beat <= count
        last = key_of(beat).where(going, last)
        strokes.append((last, torch.where(going, period * r.uniform(0.85, 1.15), zeros(body)), sharpness))
    return perform(r, body, strokes, first, holding(r, 0.5, 0.5))
