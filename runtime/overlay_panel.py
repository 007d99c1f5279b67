"""The panel below an annotated picture: label, five bars, speed, and a banner for what must be seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.events import Event
from tsm_edge.runtime.lettering import Colour, draw_text, fitted, text_width
from tsm_edge.runtime.prediction import Prediction
from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["Status", "draw_panel"]

BACKGROUND: Colour = (30, 24, 21)
TRACK: Colour = (58, 49, 44)
TEXT: Colour = (238, 236, 234)
MUTED: Colour = (172, 162, 154)
ACCENT: Colour = (176, 208, 64)
FIRST_BAR: Colour = (112, 128, 22)
BAR: Colour = (104, 86, 70)
WARNING: Colour = (66, 185, 245)

# Panel and letters grow with pictures wider than this.
REFERENCE_WIDTH = 960
# In pixels at the reference width and below.
PANEL_HEIGHT, BANNER_HEIGHT, MARGIN = 156, 26, 16
LABEL_SIZE, TEXT_SIZE = 28, 14
# Where the columns begin, as shares of the width.
COLUMNS = (0.0, 0.36, 0.74)


@dataclass(frozen=True, kw_only=True)
class Status:
    """What is shown beside the prediction.

    Attributes:
        frames_per_second: Predicted per second; 0 while unknown.
        latencies_ms: What the last frames took from picture to label, oldest first.
        dropped: Frames that came faster than they could be taken.
        event: The gesture that started or ended lately.
        note: What just happened to the stream, such as a reset; takes the event's place.
        banner: What must not be overlooked, such as "untrained weights".
    """

    frames_per_second: float = 0.0
    latencies_ms: Sequence[float] = ()
    dropped: int = 0
    event: Event | None = None
    note: str = ""
    banner: str = ""


@dataclass(frozen=True)
class _Area:
    """A part of the panel to draw in; lengths are in pixels at the reference width."""

    pixels: UInt8Array
    unit: float

    def px(self, length: float) -> int:
        """How many pixels a length is."""
        return round(length * self.unit)

    @property
    def width(self) -> int:
        """Its width in pixels."""
        return int(self.pixels.shape[1])

    def line(self, text: str, y: float, size: int, colour: Colour, *, bold: bool = False) -> None:
        """Write one line as large as fits, from the left edge."""
        fitting, fitting_size = fitted(text, self.px(size), self.width, bold=bold)
        draw_text(self.pixels, fitting, (0, self.px(y)), fitting_size, colour, bold=bold)


def draw_panel(width: int, prediction: Prediction, status: Status) -> UInt8Array:
    """The panel for a picture of even `width`: (height, width, 3) uint8 BGR, its height even."""
    unit = max(1.0, width / REFERENCE_WIDTH)
    panel = np.full((round(PANEL_HEIGHT * unit / 2) * 2, width, 3), BACKGROUND, np.uint8)
    margin = round(MARGIN * unit)
    starts = [int(share * width) + margin for share in COLUMNS]
    stops = [*(start - margin for start in starts[1:]), width - margin]
    drawers = (_draw_label, _draw_top, _draw_speed)
    for start, stop, draw in zip(starts, stops, drawers, strict=True):
        draw(_Area(panel[:, start:stop], unit), prediction, status)
    return np.concatenate((panel, _banner(status.banner, width, unit))) if status.banner else panel


def _draw_label(area: _Area, prediction: Prediction, status: Status) -> None:
    lines = _two_lines(prediction.smoothed_label, area)
    size = min(fitted(line, area.px(LABEL_SIZE), area.width, bold=True)[1] for line in lines)
    for i, line in enumerate(lines):
        area.line(line, 40 + 32 * i, round(size / area.unit), TEXT, bold=True)
    seconds = "" if prediction.timestamp_s is None else f" at {prediction.timestamp_s:.2f} s"
    area.line(f"frame {prediction.frame}{seconds}", 104, TEXT_SIZE, MUTED)
    if status.note:
        area.line(status.note, 128, TEXT_SIZE, WARNING, bold=True)
    elif status.event is not None:
        area.line(f"{status.event.label} {status.event.kind}", 128, TEXT_SIZE, ACCENT, bold=True)


def _two_lines(label: str, area: _Area) -> list[str]:
    """The label, its last words on a second line if one line is too narrow."""
    words, rest = label.split(), list[str]()
    while len(words) > 1 and text_width(" ".join(words), area.px(LABEL_SIZE), bold=True) > area.width:
        rest.insert(0, words.pop())
    return [" ".join(part) for part in (words, rest) if part]


def _draw_top(area: _Area, prediction: Prediction, _: Status) -> None:
    """One row a class: its name on a bar as long as its probability, and its share."""
    size = area.px(TEXT_SIZE)
    share_width = text_width("100%", size)
    for row, (label, score) in enumerate(prediction.top):
        top = area.px(15 + 26 * row)
        bar = _Area(area.pixels[top : top + area.px(22), : area.width - share_width - area.px(6)], area.unit)
        bar.pixels[:] = TRACK
        bar.pixels[:, : round(score * bar.width)] = FIRST_BAR if row == 0 else BAR
        name, name_size = fitted(label, size, bar.width - area.px(12))
        draw_text(bar.pixels, name, (area.px(6), area.px(16)), name_size, TEXT)
        share = f"{score:.0%}"
        origin = (area.width - text_width(share, size), top + area.px(16))
        draw_text(area.pixels, share, origin, size, TEXT if row == 0 else MUTED)


def _draw_speed(area: _Area, _: Prediction, status: Status) -> None:
    if status.frames_per_second:
        area.line(f"{status.frames_per_second:.1f} frames/s", 30, 17, TEXT, bold=True)
    if status.latencies_ms:
        area.line(f"{status.latencies_ms[-1]:.1f} ms a frame", 52, TEXT_SIZE, MUTED)
        _draw_sparkline(area.pixels[area.px(63) : area.px(105)], status.latencies_ms, area.px(1.4))
        area.line(f"at most {max(status.latencies_ms):.1f} ms", 123, TEXT_SIZE, MUTED)
    if status.dropped:
        area.line(f"{status.dropped} dropped", 145, TEXT_SIZE, MUTED)


def _draw_sparkline(pixels: UInt8Array, values: Sequence[float], thickness: int) -> None:
    """The values as a line from left to right, from zero at the bottom to the largest at the top."""
    pixels[:] = TRACK
    height, width = pixels.shape[:2]
    x = np.linspace(0, width - 1, max(2, len(values)))
    y = (height - 3) - np.asarray(values) / max(*values, 1e-9) * (height - 6)
    if len(values) == 1:
        y = np.repeat(y, 2)
    line = np.stack((x, y), axis=1).round().astype(np.int32)
    cv2 = load_opencv()
    cv2.polylines(
        pixels, [line], isClosed=False, color=ACCENT, thickness=max(1, thickness), lineType=cv2.LINE_AA
    )


def _banner(text: str, width: int, unit: float) -> UInt8Array:
    height = round(BANNER_HEIGHT * unit / 2) * 2
    banner = np.full((height, width, 3), WARNING, np.uint8)
    fitting, size = fitted(text, round(TEXT_SIZE * unit), width - 4, bold=True)
    left = (width - text_width(fitting, size, bold=True)) // 2
    draw_text(banner, fitting, (left, round(18 * unit)), size, BACKGROUND, bold=True)
    return banner
