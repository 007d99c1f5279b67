"""A picture with what the network says of it: the frame above, and below it a panel that hides nothing.

+--------------------------+
|          frame           |
+--------+--------+--------+
| label  | top 5  | speed  |
+--------+--------+--------+
|    untrained weights     |
+--------------------------+
"""

from collections import deque
from time import perf_counter

import numpy as np

from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.events import Event
from tsm_edge.runtime.overlay_panel import Status, draw_panel
from tsm_edge.runtime.prediction import Prediction
from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["Annotator", "draw_overlay"]

# Letters need this much room, so smaller frames are enlarged.
LEAST_WIDTH = 640

SPARKLINE_FRAMES = 120
RATE_FRAMES = 30
STREAM_STAGES = ("preprocess", "infer", "postprocess")


class Annotator:
    """Draws the overlays of one stream, and keeps the history that they show.

    Args:
        weights_note: `ModelSpec.weights_note`; a banner says it if it is not empty.
    """

    def __init__(self, weights_note: str = "") -> None:
        self._banner = f"{weights_note}: labels mean nothing yet" if weights_note else ""
        self._latencies_ms: deque[float] = deque(maxlen=SPARKLINE_FRAMES)
        self._times_s: deque[float] = deque(maxlen=RATE_FRAMES)
        # One frame would be too short to read what happened on it.
        self._events: deque[Event | None] = deque(maxlen=RATE_FRAMES)

    def add(self, prediction: Prediction) -> None:
        """Take note of one more frame."""
        self._events.append(prediction.event)
        self._times_s.append(perf_counter())
        spent_ms = [prediction.latency_ms[stage] for stage in STREAM_STAGES if stage in prediction.latency_ms]
        if spent_ms:  # not so for a frame that the model left out
            self._latencies_ms.append(sum(spent_ms))

    def draw(
        self, image: UInt8Array, prediction: Prediction, *, dropped: int = 0, note: str = ""
    ) -> UInt8Array:
        """A new picture: `image`, (H, W, 3) uint8 BGR, its prediction, and what just happened."""
        status = Status(
            frames_per_second=self._rate(),
            latencies_ms=tuple(self._latencies_ms),
            dropped=dropped,
            event=next(filter(None, reversed(self._events)), None),
            note=note,
            banner=self._banner,
        )
        return draw_overlay(image, prediction, status)

    def _rate(self) -> float:
        elapsed_s = self._times_s[-1] - self._times_s[0] if self._times_s else 0.0
        return (len(self._times_s) - 1) / elapsed_s if elapsed_s > 0 else 0.0


def draw_overlay(image: UInt8Array, prediction: Prediction, status: Status) -> UInt8Array:
    """A new picture: `image` (H, W, 3) uint8 BGR, enlarged to a width of 640 if it is smaller, and a panel.

    Both sides of the result are even, as video codecs want them.
    """
    frame = _enlarged(image)
    return np.concatenate((frame, draw_panel(frame.shape[1], prediction, status)))


def _enlarged(image: UInt8Array) -> UInt8Array:
    height, width = image.shape[:2]
    scale = max(1.0, LEAST_WIDTH / width)
    size = (_even(width * scale), _even(height * scale))
    if size == (width, height):
        return image
    cv2 = load_opencv()
    enlarged: UInt8Array = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return enlarged


def _even(length: float) -> int:
    return max(2, round(length) // 2 * 2)
