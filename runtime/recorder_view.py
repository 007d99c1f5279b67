"""What the recording window shows: the camera's picture, what to do, and how long still."""

import numpy as np

from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.lettering import Colour, draw_text, fitted, text_width
from tsm_edge.runtime.overlay_panel import BACKGROUND, MUTED, TEXT, TRACK
from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["RECORDING", "RecorderView"]

RECORDING: Colour = (60, 60, 235)
# The bar below the picture, letters, and the countdown, as shares of the picture's width.
BAR, SMALL, LARGE = 0.09, 0.035, 0.3
MARGIN = 0.025


class RecorderView:
    """Draws for one class; pictures of any size.

    Args:
        label: What is being recorded.
        count: How many clips.
        mirror: Show pictures as a mirror does.
    """

    def __init__(self, label: str, count: int, *, mirror: bool) -> None:
        self._label = label
        self._count = count
        self._mirror = mirror

    def counting(self, image: UInt8Array, number: int, seconds: int) -> UInt8Array:
        """The picture with the seconds that are left over it."""
        picture, pixels = self._framed(image, f"get ready: clip {number} of {self._count}", MUTED)
        size, text = round(LARGE * image.shape[1]), str(seconds)
        x = (image.shape[1] - text_width(text, size, bold=True)) // 2
        y = image.shape[0] // 2 + round(0.35 * size)
        edge = max(1, size // 40)
        draw_text(pixels, text, (x + edge, y + edge), size, BACKGROUND, bold=True)
        draw_text(pixels, text, (x, y), size, TEXT, bold=True)
        return picture

    def recording(self, image: UInt8Array, number: int, part: float) -> UInt8Array:
        """The picture in a red frame, and how much of the clip is done, 0 to 1."""
        picture, pixels = self._framed(image, f"recording clip {number} of {self._count}", RECORDING)
        cv2 = load_opencv()
        height, width = pixels.shape[:2]
        line = max(2, width // 120)
        cv2.rectangle(
            pixels, (line // 2, line // 2), (width - 1 - line // 2, height - 1 - line // 2), RECORDING, line
        )
        picture[-line:] = TRACK
        picture[-line:, : round(min(part, 1.0) * width)] = RECORDING
        return picture

    def _framed(self, image: UInt8Array, words: str, colour: Colour) -> tuple[UInt8Array, UInt8Array]:
        """The whole picture, and the part of it that shows the camera's."""
        height, width = image.shape[:2]
        bar = max(24, round(BAR * width))
        picture = np.empty((height + bar, width, 3), np.uint8)
        picture[:height] = image[:, ::-1] if self._mirror else image
        picture[height:] = BACKGROUND
        margin, size = round(MARGIN * width), max(11, round(SMALL * width))
        baseline = height + (bar + round(0.7 * size)) // 2
        words_width = text_width(words, size)
        draw_text(picture, words, (width - margin - words_width, baseline), size, colour)
        label, label_size = fitted(self._label, size, width - 3 * margin - words_width, bold=True)
        draw_text(picture, label, (margin, baseline), label_size, TEXT, bold=True)
        return picture, picture[:height]
