"""Which movement makes which gesture, and when it happens in a clip."""

from collections.abc import Callable

import torch
from torch import Tensor

from tsm_edge.export.data.gestures import idling, poses, strokes
from tsm_edge.export.data.gestures.labels import MADE_LABELS, OTHER
from tsm_edge.export.data.gestures.looseness import loosened
from tsm_edge.export.data.gestures.motion import Motion
from tsm_edge.export.data.gestures.movement import Body
from tsm_edge.export.data.gestures.random_numbers import ClipRandom

__all__ = ["choreograph"]

_MANNER_NUMBERS, _FACE_NUMBERS, _LEAVING_NUMBERS = 2, 3, 4  # apart from the scripts' own, which stay the same

_SCRIPTS: dict[str, Callable[[ClipRandom, Body], Motion]] = {
    "No gesture": idling.nothing,
    "Doing other things": idling.anything,
    "Swiping Left": lambda r, body: strokes.swipe_sideways(r, body, to_left=True),
    "Swiping Right": lambda r, body: strokes.swipe_sideways(r, body, to_left=False),
    "Swiping Up": lambda r, body: strokes.swipe_upright(r, body, upwards=True),
    "Swiping Down": lambda r, body: strokes.swipe_upright(r, body, upwards=False),
    "Zooming In With Full Hand": lambda r, body: strokes.zoom(r, body, opens=True),
    "Zooming Out With Full Hand": lambda r, body: strokes.zoom(r, body, opens=False),
    "Stop Sign": strokes.stop,
    "Thumb Up": lambda r, body: strokes.thumb(r, body, up=True),
    "Shaking Hand": strokes.shake,
    "Turning Hand Clockwise": lambda r, body: strokes.rotate(r, body, clockwise=True),
    "Turning Hand Counterclockwise": lambda r, body: strokes.rotate(r, body, clockwise=False),
    "Pushing Hand Away": lambda r, body: strokes.along_view(r, body, away=True),
    "Pulling Hand In": lambda r, body: strokes.along_view(r, body, away=False),
    "Thumb Down": lambda r, body: strokes.thumb(r, body, up=False),
    "Sliding Two Fingers Left": lambda r, body: strokes.swipe_sideways(
        r, body, to_left=True, pose=poses.two_fingers
    ),
    "Sliding Two Fingers Right": lambda r, body: strokes.swipe_sideways(
        r, body, to_left=False, pose=poses.two_fingers
    ),
    "Sliding Two Fingers Up": lambda r, body: strokes.swipe_upright(
        r, body, upwards=True, pose=poses.two_fingers
    ),
    "Sliding Two Fingers Down": lambda r, body: strokes.swipe_upright(
        r, body, upwards=False, pose=poses.two_fingers
    ),
    "Drumming Fingers": strokes.drum,
}


def choreograph(
    r: ClipRandom, body: Body, labels: Tensor, duration: Tensor, loose: float = 0.0, at_face: float = 0.0,
    leaves: float = 0.0,
) -> Motion:  # fmt: skip
    """A movement for every clip, laid into its `duration` (N,) seconds so that the stroke is inside.

    Args:
        r: The clips' random numbers.
        body: Who moves.
        labels: Indices into MADE_LABELS, (N,), int64.
        duration: Seconds that will be seen, from 0.
        loose: How far people's own manners go, see `loosened`.
        at_face: Chance that "Doing other things" is a hand at the face, see `idling.at_face`.
        leaves: Chance that it is somebody who walks out or in, see `idling.away`.
    """
    parts = []
    for index, name in enumerate(MADE_LABELS):
        rows = torch.nonzero(labels == index)[:, 0]
        if len(rows):
            parts.append((rows, _SCRIPTS[name](r.rows(rows), body.rows(rows))))
    if at_face:
        parts += _others(r.apart(_FACE_NUMBERS), body, labels, at_face, idling.at_face)
    if leaves:
        parts += _others(r.apart(_LEAVING_NUMBERS), body, labels, leaves, idling.away)
    motion = Motion.gather(parts, len(labels))
    if loose:
        motion = loosened(r.apart(_MANNER_NUMBERS), motion, loose)
    start, end = motion.stroke.unbind(1)
    latest = (duration - (end - start) - 0.1).clamp(min=0.1)
    share = torch.where(r.chance(0.45), r.uniform(0.0, 0.35), r.unit())  # many begin soon
    begin = torch.lerp(torch.full_like(latest, 0.1), latest, share)
    seen_rising = r.chance(0.65) & (start < latest)  # others begin with the hand up already
    begin = torch.where(seen_rising, torch.maximum(begin, start), begin)
    return motion.delayed(begin - start)


def _others(
    r: ClipRandom, body: Body, labels: Tensor, chance: float, script: Callable[[ClipRandom, Body], Motion]
) -> list[tuple[Tensor, Motion]]:
    """Which clips show `script` in the place of anything else that is no gesture, and how."""
    rows = torch.nonzero(r.chance(chance) & (labels == MADE_LABELS.index(OTHER)))[:, 0]
    return [(rows, script(r.rows(rows), body.rows(rows)))] if len(rows) else []
