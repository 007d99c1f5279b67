"""A window on the screen, and whether there is a screen to put one on."""

import os
import subprocess
import sys
from types import TracebackType

from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["Window", "display_problem"]

# Of a laptop's screen; a larger picture is shown smaller.
LARGEST_WINDOW = (1200, 700)
PROBE_TIMEOUT_S = 20
# Without a display OpenCV's toolkit does not raise, it aborts the process: so another one tries first.
PROBE = "import cv2; cv2.namedWindow('probe'); cv2.waitKey(1)"


def display_problem() -> str:
    """Why no window can be shown here, in a few words; empty if one can."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, timeout=PROBE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"display {os.environ.get('DISPLAY', '')} does not answer"
    return "" if done.returncode == 0 else "OpenCV cannot open a window on this display"


class Window:
    """Shows pictures and hears keys."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._opened = False
        self._full_screen = False
        # Its font warnings concern a folder that OpenCV's package does not bring.
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")

    def show(self, picture: UInt8Array) -> None:
        """Put `picture`, (H, W, 3) uint8 BGR, into the window; the first one opens it."""
        cv2 = load_opencv()
        if not self._opened:
            self._open(picture.shape[1], picture.shape[0])
        cv2.imshow(self._title, self._framed(picture))

    def key(self) -> str:
        """The key that was pressed, as a character, or nothing; a closed window counts as "q"."""
        cv2 = load_opencv()
        code = cv2.waitKey(1)
        if self._opened and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            return "q"
        return "" if code < 0 else chr(code & 0xFF)

    def toggle_full_screen(self) -> None:
        """Fill the screen, or go back."""
        cv2 = load_opencv()
        self._full_screen = not self._full_screen
        mode = cv2.WINDOW_FULLSCREEN if self._full_screen else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def close(self) -> None:
        """Close the window."""
        if self._opened:
            self._opened = False
            load_opencv().destroyAllWindows()

    def __enter__(self) -> "Window":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _framed(self, picture: UInt8Array) -> UInt8Array:
        """`picture` as large as the window, with black beside it; the toolkit would show grey, and jagged letters."""
        cv2 = load_opencv()
        _, _, window_width, window_height = cv2.getWindowImageRect(self._title)
        if min(window_width, window_height) < 1:
            return picture
        height, width = picture.shape[:2]
        scale = min(window_width / width, window_height / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        fitting = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        across, down = window_width - size[0], window_height - size[1]
        framed: UInt8Array = cv2.copyMakeBorder(
            fitting, down // 2, down - down // 2, across // 2, across - across // 2, cv2.BORDER_CONSTANT
        )
        return framed

    def _open(self, width: int, height: int) -> None:
        cv2 = load_opencv()
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        scale = min(1.0, LARGEST_WINDOW[0] / width, LARGEST_WINDOW[1] / height)
        cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
        self._opened = True
