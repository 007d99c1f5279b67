"""Made gesture clips: a person at a webcam with an articulated hand, rendered in torch, batched over clips."""

from tsm_edge.export.data.gestures.labels import (
    CORE_LABELS,
    DIRECTED_PAIRS,
    GESTURE_LABELS,
    MADE_LABELS,
    NEW_LABELS,
    NOTHING,
    OTHER,
    gesture_classes,
)
from tsm_edge.export.data.gestures.renderer import (
    DenseLabels,
    GestureBatch,
    GestureEvent,
    GestureGenerator,
    GestureStream,
)
from tsm_edge.export.data.gestures.world import WORLDS, World, get_world

__all__ = [
    "CORE_LABELS",
    "DIRECTED_PAIRS",
    "GESTURE_LABELS",
    "MADE_LABELS",
    "NEW_LABELS",
    "NOTHING",
    "OTHER",
    "WORLDS",
    "DenseLabels",
    "GestureBatch",
    "GestureEvent",
    "GestureGenerator",
    "GestureStream",
    "World",
    "gesture_classes",
    "get_world",
]
