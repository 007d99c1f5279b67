"""Worlds: what kind of rooms, people and cameras a generator draws from.

A model is trained in some worlds and chosen in another one, whose settings overlap with theirs only in part. A range is
(low, high); a chance lies between 0 and 1.
"""

from dataclasses import dataclass, replace

from tsm_edge.errors import UsageError

__all__ = ["WORLDS", "World", "get_world"]

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class World:
    """Settings of the made clips.

    Attributes:
        name: By which it is found.
        aspects: Width over height of the cameras' frames.
        whole_frame: Chance that the whole frame is squeezed into the square; else a square is cut out.
        crop: Height of what is cut out, of the frame's.
        hand_length: Apparent hand length, of the frame's height.
        head_width: Half the head's width, of the frame's height.
        near: Chance that somebody sits up to twice as near as that.
        shutter: Exposure in seconds; the longer, the more blur.
        exposure: Gain of a usual picture.
        odd_exposure: Chances of a dark and of a blown out one.
        saturation: Colourfulness.
        noise: Deviation of the camera's noise, of full scale, at usual light.
        softness: Resolution that is left, pixels over the picture's size.
        compression: Chance of block artefacts.
        photos: Chance of a packaged photograph as the room, where there are any.
        videos: Chance of a packaged video as the room, where there are any.
        photo_parity: Use every photograph (None), or those with an even (0) or odd (1) number.
        room_seed: Rooms and people of worlds with other seeds differ in kind: colours, shapes, habits.
        clutter: How many things stand in a made room.
        long_sleeves: Chance of long sleeves.
        textured: Chance that a photograph's tones lie on a person's face and clothes.
        filmed: Chance that room and person are footage, where there is any, and the hand alone is made.
        passer_by: Chance that somebody else moves in the picture.
        object_held: Chance that a thing is moved about in "Doing other things" and "No gesture".
        second_hand: Chance that the other hand is in the picture.
        left_handed: Chance that the left hand gestures.
        raised_elbow: Chance that elbows do not hang: thumbs, above all, are shown with the forearm level.
        at_face: Chance that "Doing other things" is a hand that comes to chin or mouth, stays and falls.
        leaves: Chance that "Doing other things" is somebody who walks out of the picture, or into it.
        drift: Chance that the camera moves.
        body_sway: How far bodies move, frame heights.
        loose: How far movements are from those by the book, from 0 (not at all).
        muted: How grey clothes and rooms are, 0 to 1.
    """

    name: str
    aspects: tuple[float, ...] = (4 / 3, 4 / 3, 4 / 3, 1.5, 1.6, 1.78)
    whole_frame: float = 0.6
    crop: Range = (0.84, 1.0)
    hand_length: Range = (0.29, 0.62)
    head_width: Range = (0.095, 0.18)
    near: float = 0.0
    shutter: Range = (0.006, 0.085)
    exposure: Range = (0.75, 1.35)
    odd_exposure: tuple[float, float] = (0.14, 0.12)
    saturation: Range = (0.45, 1.15)
    noise: Range = (0.003, 0.035)
    softness: Range = (0.5, 1.0)
    compression: float = 0.6
    photos: float = 0.3
    videos: float = 0.06
    photo_parity: int | None = None
    room_seed: int = 0
    clutter: tuple[int, int] = (4, 16)
    long_sleeves: float = 0.5
    textured: float = 0.0
    filmed: float = 0.0
    passer_by: float = 0.12
    object_held: float = 0.3
    second_hand: float = 0.12
    left_handed: float = 0.35
    raised_elbow: float = 0.0
    at_face: float = 0.0
    leaves: float = 0.0
    drift: float = 0.3
    body_sway: Range = (0.0, 0.02)
    loose: float = 0.0
    muted: float = 0.6


# For choosing: other rooms, photographs and framings, worse cameras on average; never trained on.
_HELD_OUT = World(
    name="held-out",
    aspects=(4 / 3, 1.25, 1.7),
    whole_frame=0.5,
    hand_length=(0.3, 0.58),
    head_width=(0.1, 0.2),
    shutter=(0.02, 0.075),
    exposure=(0.65, 1.5),
    odd_exposure=(0.2, 0.16),
    saturation=(0.3, 0.95),
    noise=(0.006, 0.045),
    softness=(0.42, 0.85),
    compression=0.85,
    photos=0.55,
    videos=0.08,
    photo_parity=1,
    room_seed=1,
    clutter=(6, 18),
    long_sleeves=0.6,
    passer_by=0.18,
    second_hand=0.2,
    left_handed=0.3,
    drift=0.35,
    body_sway=(0.0, 0.03),
    muted=0.75,
)

WORLDS = {
    world.name: world
    for world in (
        # For training: wide in everything.
        World(
            name="train",
            head_width=(0.095, 0.28),
            near=0.25,
            exposure=(0.65, 1.5),
            odd_exposure=(0.19, 0.15),
            saturation=(0.3, 1.15),
            noise=(0.003, 0.05),
            softness=(0.4, 1.0),
            compression=0.75,
            photos=0.45,
            videos=0.08,
            photo_parity=0,
            clutter=(4, 18),
            textured=0.35,
            filmed=0.15,
            passer_by=0.16,
            second_hand=0.18,
            raised_elbow=0.35,
            at_face=0.25,
            leaves=0.08,
            drift=0.35,
            body_sway=(0.0, 0.03),
            loose=1.2,
            muted=0.7,
        ),
        _HELD_OUT,
        # The same rooms, where people make gestures in manners of their own.
        replace(_HELD_OUT, name="loose", loose=1.0),
        # Clean light and a steady camera: what a tutorial's webcam shows.
        World(
            name="bright",
            exposure=(0.95, 1.2),
            odd_exposure=(0.0, 0.0),
            noise=(0.002, 0.01),
            softness=(0.8, 1.0),
            shutter=(0.005, 0.03),
            compression=0.3,
            photo_parity=0,
            room_seed=2,
            passer_by=0.0,
            drift=0.0,
        ),
    )
}


def get_world(name: str) -> World:
    """The world of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in WORLDS:
        raise UsageError(f"unknown world {name!r}; choose one of {', '.join(sorted(WORLDS))}")
    return WORLDS[name]
