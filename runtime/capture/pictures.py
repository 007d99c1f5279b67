"""A folder of pictures as a video: all that match a pattern, in the order of their numbers."""

import glob
import re
from pathlib import Path
from time import perf_counter

from tsm_edge.errors import SourceError
from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.capture.source import CapturedFrame, Source
from tsm_edge.runtime.capture.video_file import DEFAULT_FPS

__all__ = ["PICTURE_SUFFIXES", "Pictures"]

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class Pictures(Source):
    """Pictures that match a pattern such as frames/*.jpg; frame2 comes before frame10.

    Pictures carry no time: 25 a second are assumed, as FFmpeg does.

    Raises:
        SourceError: Nothing matches.
    """

    is_live = False
    fps = DEFAULT_FPS

    def __init__(self, pattern: str) -> None:
        self.name = pattern
        # Path.glob takes no absolute pattern.
        found = sorted(glob.glob(pattern), key=_by_number) or [pattern]  # noqa: PTH207
        self._paths = [Path(path) for path in found if Path(path).is_file()]
        self._index = 0
        if not self._paths:
            raise SourceError(f"no pictures match {pattern!r}; check the path, and quote the pattern")

    @property
    def ended(self) -> bool:
        """True after the last picture."""
        return self._index >= len(self._paths)

    def read(self, timeout_s: float | None = None) -> CapturedFrame | None:
        """The next picture, or None at the end.

        Raises:
            SourceError: OpenCV cannot decode it.
        """
        if self.ended:
            return None
        path, index = self._paths[self._index], self._index
        start = perf_counter()
        image = load_opencv().imread(str(path))
        if image is None:
            raise SourceError(f"cannot decode {path} ({path.stat().st_size} bytes): damaged, or no picture")
        self._index += 1
        decode_ms = (perf_counter() - start) * 1e3
        return CapturedFrame(image=image, index=index, timestamp_s=index / self.fps, decode_ms=decode_ms)

    def close(self) -> None:
        """Give no more pictures."""
        self._paths = []


def _by_number(path: str) -> list[tuple[bool, int, str]]:
    """Sort key that reads digits as numbers."""
    parts = re.split(r"(\d+)", path)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
