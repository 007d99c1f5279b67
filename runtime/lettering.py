"""Text on pictures: OpenCV 5's outline fonts, or the stroke font of OpenCV 4."""

from functools import cache
from typing import Any

from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["Colour", "draw_text", "fitted", "text_width"]

# Blue, green, red.
Colour = tuple[int, int, int]

# Widths of an outline font's strokes, as its designers number them.
REGULAR, BOLD = 400, 600
# The stroke font's capitals are 21 units high at scale 1; an outline font's take 0.7 of its size.
STROKE_SCALE = 0.7 / 21


def draw_text(
    picture: UInt8Array, text: str, origin: tuple[int, int], size: int, colour: Colour, *, bold: bool = False
) -> None:
    """Write `text` into `picture`, (H, W, 3) uint8 BGR.

    Args:
        picture: Changed in place.
        text: One line.
        origin: Left end of the line that the letters stand on, (x, y) in pixels.
        size: Height of the font in pixels.
        colour: Blue, green, red, 0 to 255 each.
        bold: Thicker strokes.
    """
    cv2, face = load_opencv(), _face()
    if face is not None:
        cv2.putText(picture, text, origin, colour, face, size, BOLD if bold else REGULAR)
        return
    thickness = _thickness(size, bold)
    cv2.putText(
        picture, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size * STROKE_SCALE, colour, thickness, cv2.LINE_AA
    )


def text_width(text: str, size: int, *, bold: bool = False) -> int:
    """How many pixels wide `text` becomes."""
    cv2, face = load_opencv(), _face()
    if face is not None:
        x, _, width, _ = cv2.getTextSize((1, 1), text, (0, 0), face, size, BOLD if bold else REGULAR)
        return int(x + width)
    (width, _), _ = cv2.getTextSize(
        text, cv2.FONT_HERSHEY_SIMPLEX, size * STROKE_SCALE, _thickness(size, bold)
    )
    return int(width)


def fitted(text: str, size: int, width: int, *, bold: bool = False) -> tuple[str, int]:
    """`text` in the largest size up to `size` in which it is at most `width` wide; cut if it must be."""
    smallest = max(11, size * 3 // 4)
    while text_width(text, size, bold=bold) > width and size > smallest:
        size -= 1
    while text_width(text, size, bold=bold) > width and len(text) > 1:
        text = text.rstrip(".")[:-1].rstrip() + "..."
        if text == "...":
            break
    return text, size


@cache
def _face() -> Any:
    cv2 = load_opencv()
    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


def _thickness(size: int, bold: bool) -> int:
    # Small letters would run into blots.
    return max(1, round(size / 14)) + (1 if bold and size > 20 else 0)
