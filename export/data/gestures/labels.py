"""The gestures, spelled as 20BN-Jester spells them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tsm_edge.errors import TrainingError

__all__ = [
    "CORE_LABELS",
    "DIRECTED_PAIRS",
    "GESTURE_LABELS",
    "MADE_LABELS",
    "NEW_LABELS",
    "NOTHING",
    "OTHER",
    "gesture_classes",
]

# The first eleven must be learned; the last five join a model only when they reach the same bar.
GESTURE_LABELS = (
    "No gesture",
    "Doing other things",
    "Swiping Left",
    "Swiping Right",
    "Swiping Up",
    "Swiping Down",
    "Zooming In With Full Hand",
    "Zooming Out With Full Hand",
    "Stop Sign",
    "Thumb Up",
    "Shaking Hand",
    "Turning Hand Clockwise",
    "Turning Hand Counterclockwise",
    "Pushing Hand Away",
    "Pulling Hand In",
    "Thumb Down",
)
CORE_LABELS = GESTURE_LABELS[:11]

# Made too, but no class of any model of ours: what training on few clips of new gestures is tried with.
NEW_LABELS = (
    "Sliding Two Fingers Left",
    "Sliding Two Fingers Right",
    "Sliding Two Fingers Up",
    "Sliding Two Fingers Down",
    "Drumming Fingers",
)
MADE_LABELS = GESTURE_LABELS + NEW_LABELS

# Pairs that the order of their frames tells apart, and little else.
DIRECTED_PAIRS = (
    ("Swiping Left", "Swiping Right"),
    ("Swiping Up", "Swiping Down"),
    ("Zooming In With Full Hand", "Zooming Out With Full Hand"),
)

NOTHING = "No gesture"
OTHER = "Doing other things"


def gesture_classes(labels: Sequence[str]) -> Tensor:
    """The class of every gesture to a model of these labels, (16,), int64; an unknown one is "Doing other things".

    Raises:
        TrainingError: A label is none of GESTURE_LABELS, or "Doing other things" is missing.
    """
    unknown = [label for label in labels if label not in GESTURE_LABELS]
    if unknown or OTHER not in labels:
        wrong = f"{unknown[0]!r} is no made gesture" if unknown else f"{OTHER!r} is missing"
        raise TrainingError(f"{wrong}; the labels are some of GESTURE_LABELS, {OTHER!r} among them")
    other = labels.index(OTHER)
    return torch.tensor([labels.index(label) if label in labels else other for label in GESTURE_LABELS])
