"""Hands cut out of photographs, moved before people who were filmed, as clips of gestures.

What a photograph can show is a hand that keeps its shape: held up, moved aside, to the camera or from it, waved. The
movements are plain ones of their own, not those that the default model learned from.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from tsm_edge.errors import DataError

__all__ = ["FPS", "NUM_FRAMES", "Cutout", "UInt8Array", "clip", "labels_of", "read_cutouts"]

FPS, NUM_FRAMES = 12, 36
_INSTANTS = 3  # of one exposure, which takes three quarters of a frame's time
_WORKING, _HEIGHT = 480, 100  # pixels: a cut-out's longer side, and a clip's height, a webcam recording's
_HANDS = (0.38, 0.55)  # of the frame's height, as hands in webcam recordings are
_LEVEL = {"left", "right"}  # arms that come into the picture from there

Floats = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

_OF_PALMS = (
    "Stop Sign", "Swiping Left", "Swiping Right", "Shaking Hand", "Pushing Hand Away", "Pulling Hand In",
)  # fmt: skip
_MIRRORED = {"Swiping Left": "Swiping Right", "Swiping Right": "Swiping Left"}


@dataclass(frozen=True)
class Cutout:
    """A hand with its forearm.

    Attributes:
        name: The photograph's.
        picture: (H, W, 4), float32: BGR of 0 to 255, and 0 to 1 where the hand is.
        shows: "palm", "thumb up" or "thumb down".
        arm: Where the forearm comes from: "below", "left" or "right".
        hand: Pixels from the wrist to the finger tips, or from a fist to its thumb's tip.
    """

    name: str
    picture: Floats
    shows: str
    arm: str
    hand: float

    def turned(self) -> "Cutout":
        """Upside down: a thumb down from the left is a thumb up from the right."""
        other = {"thumb down": "thumb up", "thumb up": "thumb down", "palm": "palm"}
        side = {"left": "right", "right": "left", "below": "below"}
        upside_down = np.ascontiguousarray(self.picture[::-1, ::-1])
        return Cutout(self.name, upside_down, other[self.shows], side[self.arm], self.hand)


def labels_of(cutout: Cutout) -> tuple[str, ...]:
    """The gestures that such a hand can make without changing its shape."""
    return {"palm": _OF_PALMS, "thumb up": ("Thumb Up",), "thumb down": ("Thumb Down",)}[cutout.shows]


def read_cutouts(outlines: Path, photos: Path) -> list[Cutout]:
    """Cut hands out of `photos` along rough `outlines`, which GrabCut makes exact; thumbs also upside down.

    Source: Rother, Kolmogorov and Blake, "GrabCut", SIGGRAPH 2004.

    Raises:
        DataError: A photograph is missing.
    """
    cutouts = []
    for entry in json.loads(outlines.read_text()):
        photo = cv2.imread(str(photos / entry["file"]))
        if photo is None:
            raise DataError(f"{photos / entry['file']}: no such picture; give the folder that holds it")
        picture = _cut(cast(UInt8Array, photo), entry)
        arm = entry["arm"]
        hand = entry["hand"] * picture.shape[1 if arm in _LEVEL else 0]
        cutout = Cutout(Path(entry["file"]).stem, picture, entry["shows"], arm, hand)
        cutouts += [cutout, cutout.turned()] if arm in _LEVEL else [cutout]
    return cutouts


def _cut(photo: UInt8Array, entry: dict[str, Any]) -> Floats:
    height, width = photo.shape[:2]
    left, top, right, bottom = np.array(entry["box"]) * (width, height, width, height)
    part = photo[int(top) : int(bottom), int(left) : int(right)]
    scale = _WORKING / max(part.shape[:2])
    part = cast(UInt8Array, cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))
    inside = np.zeros(part.shape[:2], np.uint8)
    corners = np.array(entry["outline"]) * (part.shape[1], part.shape[0])
    cv2.fillPoly(inside, [corners.astype(np.int32)], 1)
    mask = np.where(inside > 0, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    mask[depth > 0.5 * depth.max()] = cv2.GC_FGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # GrabCut begins with random clusters
    cv2.grabCut(part, mask, None, *models, 6, cv2.GC_INIT_WITH_MASK)
    hand = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, pieces, sizes, _ = cv2.connectedComponentsWithStats(hand)
    hand = (pieces == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    hand = cv2.erode(cv2.morphologyEx(hand, cv2.MORPH_CLOSE, np.ones((5, 5))), np.ones((3, 3)))
    rows, columns = np.nonzero(hand)
    alpha = cv2.GaussianBlur(hand.astype(np.float32), (0, 0), 1.2)
    whole = np.dstack([part.astype(np.float32), alpha])
    return whole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def clip(
    cutout: Cutout, label: str, backdrop: Sequence[UInt8Array], mirrored: bool, rng: np.random.Generator
) -> tuple[UInt8Array, str]:
    """The hand raised, moved as `label` says and lowered again, before `backdrop`.

    Args:
        cutout: Whose hand.
        label: One of `labels_of(cutout)`.
        backdrop: NUM_FRAMES pictures of one size, (H, W, 3), uint8 BGR.
        mirrored: Show the mirror image, which makes a swipe the other one.
        rng: Chooses places, sizes and times.

    Returns:
        (NUM_FRAMES, 100, W', 3), uint8 RGB at FPS frames a second, and what it shows.
    """
    height, width = backdrop[0].shape[:2]
    size, anchor, home = _placed(cutout, height, width, rng)
    times = (np.arange(NUM_FRAMES)[:, None] + np.arange(_INSTANTS) * 0.75 / _INSTANTS) / FPS
    courses = _course(label, times, home, level=cutout.arm in _LEVEL, rng=rng)
    frames = []
    for behind, instants in zip(backdrop, courses, strict=True):
        shown = [_laid(cutout.picture, behind, course, size, anchor) for course in instants]
        noisy = np.mean(shown, axis=0) + rng.normal(0, 3, behind.shape)
        small = cv2.resize(
            np.clip(noisy, 0, 255).astype(np.uint8),
            (width * _HEIGHT // height, _HEIGHT),
            interpolation=cv2.INTER_AREA,
        )
        frames.append(small[:, ::-1, ::-1] if mirrored else small[..., ::-1])
    return np.stack(frames).astype(np.uint8), _MIRRORED.get(label, label) if mirrored else label


def _placed(
    cutout: Cutout, height: int, width: int, rng: np.random.Generator
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """The cut-out's scale, the point of it that is held, and where that likes to be, parts of the frame."""
    tall, wide = cutout.picture.shape[:2]
    size = rng.uniform(*_HANDS) * height / cutout.hand
    if cutout.arm in _LEVEL:  # the elbow stays outside
        out = 0.5 * wide * size / width - 0.03 - rng.uniform(0, 0.08)
        return size, (wide / 2, tall / 2), (out if cutout.arm == "left" else 1 - out, rng.uniform(0.4, 0.6))
    highest = 1 - 0.72 * size * tall / height  # with the forearm's end outside
    return size, (wide / 2, tall * 0.28), (rng.uniform(0.3, 0.7), max(highest, rng.uniform(0.35, 0.5)))


def _course(
    label: str, times: Floats, home: tuple[float, float], level: bool, rng: np.random.Generator
) -> Floats:
    """Place, angle in degrees and scale at `times`, (*times.shape, 4)."""
    begin, up, down = rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.5), rng.uniform(0.3, 0.5)
    stroke, reach, beat = rng.uniform(0.3, 0.55), rng.uniform(0.18, 0.28), rng.uniform(1.8, 3.0)
    stay = {"Shaking Hand": 1.2, "Swiping Left": stroke + 0.25, "Swiping Right": stroke + 0.25}.get(
        label, stroke + 0.5 if label in ("Pushing Hand Away", "Pulling Hand In") else rng.uniform(0.8, 1.3)
    )
    since = times - begin - up
    raised = _smooth((times - begin) / up) - _smooth((since - stay) / down)
    done = _smooth((since - 0.1) / stroke)
    x, scale, angle = (
        home[0] + 0 * times,
        1 + 0 * times,
        rng.uniform(-12, 12) * (0.5 if level else 1) + 0 * times,
    )
    if label in _MIRRORED:
        way = (2 * done - 1) * (
            1 if label == "Swiping Left" else -1
        )  # the person's left is the picture's right
        x, angle = 0.5 + way * reach, angle + way * 20
    elif label == "Shaking Hand":
        wave = np.sin(2 * np.pi * beat * since + rng.uniform(0, 6)) * raised
        x, angle = x + 0.05 * wave, angle + 15 * wave
    elif label == "Pushing Hand Away":
        scale = 0.75 + 0.6 * done
    elif label == "Pulling Hand In":
        scale = 1.35 - 0.6 * done
    y = home[1] + 1.05 * (1 - raised) + 0.06 * (1 - scale)
    for speed in rng.uniform(0.5, 1.5, 3):  # nobody holds still
        sway = np.sin(2 * np.pi * speed * times + rng.uniform(0, 6))
        x, y = x + rng.normal(0, 0.006) * sway, y + rng.normal(0, 0.006) * sway
    return np.stack([x, y, angle, scale], axis=-1)


def _smooth(share: Floats) -> Floats:
    bounded = np.clip(share, 0, 1)
    return cast(Floats, bounded * bounded * (3 - 2 * bounded))


def _laid(
    picture: Floats, behind: UInt8Array, course: Floats, size: float, anchor: tuple[float, float]
) -> Floats:
    """One instant: the hand over what is behind it."""
    height, width = behind.shape[:2]
    x, y, angle, scale = (float(value) for value in course)
    matrix = cv2.getRotationMatrix2D(anchor, -angle, size * scale)
    matrix[:, 2] += (x * width - anchor[0], y * height - anchor[1])
    if size * scale < 0.6:  # linear sampling alone would alias
        picture = cast(Floats, cv2.GaussianBlur(picture, (0, 0), 0.45 / (size * scale)))
    hand = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    cover = hand[..., 3:]
    return cast(Floats, behind * (1 - cover) + hand[..., :3] * cover)
