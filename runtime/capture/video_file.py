"""A video file: every frame, with the container's timestamps."""

import logging
from pathlib import Path
from time import perf_counter
from typing import Any

from tsm_edge.errors import SourceError
from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.capture.source import CapturedFrame, Source

__all__ = ["DEFAULT_FPS", "VideoFile"]

# Where a container or a folder of pictures names no rate: the one that FFmpeg assumes for pictures.
DEFAULT_FPS = 25.0

_log = logging.getLogger(__name__)


class VideoFile(Source):
    """A file that OpenCV can decode.

    Raises:
        SourceError: No such file, no video, or not one frame in it.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._capture = _open(path)
        fps = float(self._capture.get(load_opencv().CAP_PROP_FPS))
        self.fps = fps if 0 < fps < 1000 else DEFAULT_FPS
        self._index = 0
        self._timestamp_s = -1 / self.fps
        self._next = self._decode()
        if self._next is None:
            self.close()
            raise _unreadable(path)

    @property
    def ended(self) -> bool:
        """True after the last frame."""
        return self._next is None

    def read(self, timeout_s: float | None = None) -> CapturedFrame | None:
        """The next frame, or None at the end; a file never lets anybody wait."""
        frame = self._next
        self._next = None if frame is None else self._decode()
        return frame

    def close(self) -> None:
        """Close the file."""
        self._capture.release()
        self._next = None

    def _decode(self) -> CapturedFrame | None:
        start = perf_counter()
        readable, image = self._capture.read()
        if not readable:
            self._warn_if_short()
            return None
        decode_ms = (perf_counter() - start) * 1e3
        self._timestamp_s = self._next_timestamp_s()
        self._index += 1
        return CapturedFrame(
            image=image, index=self._index - 1, timestamp_s=self._timestamp_s, decode_ms=decode_ms
        )

    def _next_timestamp_s(self) -> float:
        """The container's time; where it stands still or is missing, one frame after the last."""
        timestamp_s = float(self._capture.get(load_opencv().CAP_PROP_POS_MSEC)) / 1e3
        return timestamp_s if timestamp_s > self._timestamp_s else self._timestamp_s + 1 / self.fps

    def _warn_if_short(self) -> None:
        """Containers only estimate their length, so a few frames less are no news; a second less is."""
        expected = int(self._capture.get(load_opencv().CAP_PROP_FRAME_COUNT))
        if self._index and expected - self._index > self.fps:
            _log.warning("%s ends after %d of %d frames: damaged?", self.name, self._index, expected)


def _open(path: Path) -> Any:
    if not path.exists():
        raise SourceError(f"no video at {path}; check the path, or give a camera such as 0 or rtsp://...")
    if not path.is_file():
        raise SourceError(f"{path} is no file; give a video, or pictures as '{path}/*.jpg' in quotes")
    cv2 = load_opencv()
    # With another backend a name with digits in it would be taken for a sequence of pictures.
    wanted = cv2.CAP_FFMPEG if cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) else cv2.CAP_ANY
    capture = cv2.VideoCapture(str(path), wanted)
    if not capture.isOpened():
        raise _unreadable(path)
    return capture


def _unreadable(path: Path) -> SourceError:
    return SourceError(
        f"no video frame in {path} ({path.stat().st_size} bytes): empty, damaged or of an unknown codec; "
        f"convert it with `ffmpeg -i {path.name} -c:v libx264 readable.mp4`"
    )
