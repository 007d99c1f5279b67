"""What hands do that make no gesture."""

from dataclasses import replace

import torch

from tsm_edge.export.data.gestures import poses
from tsm_edge.export.data.gestures.motion import Key, Motion, MotionBuilder
from tsm_edge.export.data.gestures.movement import Body, resting, turn_of, zeros
from tsm_edge.export.data.gestures.random_numbers import ClipRandom

__all__ = ["anything", "at_face", "away", "nothing"]


def nothing(r: ClipRandom, body: Body) -> Motion:
    """No hand, or one that rests somewhere in the picture."""
    rest = resting(r, body)
    shown = r.chance(0.22)
    still = rest.but(
        x=body.inside(body.x + r.normal(0.15)), y=r.uniform(0.85, 1.12), length=body.length * r.uniform(0.6, 0.95),
        turn=turn_of(r.uniform(-70, 90), r.uniform(0, 100), r.normal(60)), pose=poses.mixed(r),
    )  # fmt: skip
    at_face = r.chance(0.25)
    still = still.but(
        x=torch.where(at_face, body.head[:, 1] * r.uniform(0.3, 1.2), still.x),
        y=torch.where(at_face, body.head[:, 0] + body.head[:, 1] * 1.7 + r.uniform(0, 0.1), still.y),
        length=torch.where(at_face, body.head[:, 1] * 2.1, still.length),
    )
    later = still.but(x=still.x + r.normal(0.01), y=still.y + r.normal(0.01))
    return MotionBuilder(still).to(later, r.uniform(1, 3)).mark().mark().build(shown)


def away(r: ClipRandom, body: Body) -> Motion:
    """No hand at all, of somebody who walks out of the picture or into it."""
    rest = resting(r, body)
    nobody = torch.zeros(len(r), dtype=torch.bool, device=r.device)
    return MotionBuilder(rest).to(rest, r.uniform(1, 3)).mark().mark().build(nobody)


def anything(r: ClipRandom, body: Body) -> Motion:
    """To the face and hair, across the desk, at nothing in particular; one to five movements, some begun gestures."""
    count = 1 + r.pick((1, 2, 2, 2, 1))
    to_face = r.chance(0.4)
    rest = resting(r, body)
    motion = MotionBuilder(rest).mark()
    last = rest
    pose = poses.mixed(r)
    for step in range(5):
        free = Key(
            x=body.inside(body.x * 0.5 + r.normal(0.3), -0.1), y=r.uniform(0.35, 1.15),
            length=body.length * r.uniform(0.6, 1.05),
            spin=zeros(body), turn=turn_of(r.normal(45), r.uniform(-20, 100), r.normal(75)),
            pose=torch.where(r.chance(0.4)[:, None], poses.mixed(r), pose),
        )  # fmt: skip
        up = body.head[:, 0] + body.head[:, 1] * r.uniform(-1.2, 2.2)
        face = free.but(
            x=body.head[:, 1] * r.uniform(-0.3, 1.6), y=up + body.head[:, 1] * 1.4, length=body.head[:, 1] * 2.1,
            turn=turn_of(r.uniform(-15, 70), r.normal(25), 180 + r.normal(45)),
        )  # fmt: skip
        key = face.where(to_face, free)
        going = step < count
        key = key.where(going, last)
        motion.to(key, torch.where(going, r.log_uniform(0.2, 0.9), zeros(body)), 0.8)
        pause = torch.where(going & r.chance(0.6), r.uniform(0.05, 0.7), zeros(body))
        motion.to(key.but(x=key.x + r.normal(0.01)), pause)
        last = key
    motion.mark()
    down = rest.where(r.chance(0.75), last)
    return motion.to(down, r.uniform(0.3, 0.7)).build()


def at_face(r: ClipRandom, body: Body) -> Motion:
    """A hand comes to the chin, the mouth or the cheek, stays and falls; the stroke is the one or the other.

    A half closed hand before a mouth looks much like a thumb that is turned down.
    """
    half = body.head[:, 1]
    shapes = torch.stack(
        [make(r) for make in (poses.fist, poses.relaxed, poses.pinched, poses.pointing)], dim=1
    )
    pose = shapes[torch.arange(len(r), device=r.device), r.pick((4, 3, 1.5, 1))]
    rest = resting(r, body)
    face = rest.but(
        x=half * r.uniform(-0.4, 1.1), y=body.head[:, 0] + half * r.uniform(1.3, 3.4),
        length=half * r.uniform(1.7, 2.3),
        turn=turn_of(r.uniform(-20, 80), r.normal(28), r.uniform(70, 230)), pose=pose,
    )  # fmt: skip
    motion = MotionBuilder(rest).mark().to(face, r.uniform(0.25, 0.7))
    swayed = face.but(x=face.x + r.normal(0.02), y=face.y + r.normal(0.02))
    stay = torch.where(r.chance(0.6), r.uniform(0.2, 2.5), r.uniform(0.02, 0.3))
    motion.to(swayed, stay).mark().mark()
    lower = swayed.but(
        x=body.inside(body.x * r.uniform(0.0, 1.1)), y=swayed.y + half * r.uniform(0.6, 2.2),
        turn=turn_of(r.uniform(-20, 80), r.uniform(-10, 90), r.uniform(40, 230)),
        pose=torch.where(r.chance(0.5)[:, None], poses.relaxed(r), pose),
    )  # fmt: skip
    fallen = lower.where(r.chance(0.5), resting(r, body))
    motion.to(fallen, r.log_uniform(0.2, 0.8), 0.8).mark()
    back = r.chance(0.25)
    motion.to(fallen, r.uniform(0.05, 0.6))
    made = motion.to(face.where(back, resting(r, body)), r.uniform(0.25, 0.7)).build()
    comes, falls = made.stroke[:, :2], made.stroke[:, 2:]
    stroke = torch.where(r.chance(0.5)[:, None], comes, falls)
    return replace(made, stroke=stroke, told=stroke)
