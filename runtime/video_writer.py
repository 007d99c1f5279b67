"""Annotated video files: in place when they are whole and can be played, or not at all."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from tsm_edge.errors import OutputError, UsageError
from tsm_edge.files import file_written_aside
from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["VIDEO_SUFFIXES", "VideoWriter"]

# OpenCV from pip brings no H.264 encoder; MPEG-4 part 2 is in every build of it and in every desktop player.
CODEC = "mp4v"
VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov")
# A camera that was away is not shown as minutes of a frozen picture.
LONGEST_PAUSE_S = 1.0


class VideoWriter:
    """Writes frames to a video, which appears when it is closed, however the `with` block ends.

    Args:
        path: Where the video appears.
        fps: Frames a second.

    Raises:
        UsageError: The name does not end like a video's.
    """

    def __init__(self, path: Path, fps: float) -> None:
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(
                f"cannot write a video to {path}: its name must end with {', '.join(VIDEO_SUFFIXES)}"
            )
        self.path = path
        self.fps = fps
        self._files = ExitStack()
        self._writer: Any = None
        self._last: tuple[UInt8Array, float | None] | None = None
        self._clock_s = 0.0
        self._count = 0

    def write(self, image: UInt8Array, timestamp_s: float | None = None) -> None:
        """Append a frame, (H, W, 3) uint8 BGR with even sides; later ones are resized to the first.

        With a timestamp, the frame before is repeated until then, so that the video keeps pace with a camera
        whose frames were dropped.

        Raises:
            OutputError: The file cannot be made.
        """
        if self._last is None:
            self._open(image.shape[1], image.shape[0])
        else:
            image = self._repeat_until(timestamp_s, image)
        self._append(image)
        self._last = (image, timestamp_s)

    def close(self) -> None:
        """Finish the video and put it in its place; nothing appears if there was no frame.

        Raises:
            OutputError: The finished file cannot be played, as when the disk ran full.
        """
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._files:
                writer.release()
                self._check()

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, width: int, height: int) -> None:
        cv2 = load_opencv()
        with ExitStack() as files:
            self._aside = files.enter_context(file_written_aside(self.path))
            self._aside.write_bytes(bytes(1))  # says why it cannot be written, as OpenCV does not
            codec = cv2.VideoWriter.fourcc(*CODEC)
            self._writer = cv2.VideoWriter(str(self._aside), cv2.CAP_FFMPEG, codec, self.fps, (width, height))
            if not self._writer.isOpened():
                raise OutputError(
                    f"cannot write {self.path}: this OpenCV has no {CODEC} encoder; install opencv-python"
                )
            self._files = files.pop_all()

    def _repeat_until(self, timestamp_s: float | None, image: UInt8Array) -> UInt8Array:
        assert self._last is not None
        before, before_s = self._last
        if timestamp_s is None or before_s is None:
            self._clock_s += 1 / self.fps
        else:
            self._clock_s += min(timestamp_s - before_s, LONGEST_PAUSE_S)
        while self._count < round(self._clock_s * self.fps):
            self._append(before)
        height, width = before.shape[:2]
        return image if image.shape == before.shape else load_opencv().resize(image, (width, height))

    def _append(self, image: UInt8Array) -> None:
        self._writer.write(image)
        self._count += 1

    def _check(self) -> None:
        """OpenCV says nothing of a full disk, but then the index at the file's end is missing."""
        cv2 = load_opencv()
        capture = cv2.VideoCapture(str(self._aside), cv2.CAP_FFMPEG)
        frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if frames < self._count:
            raise OutputError(
                f"cannot write {self.path}: {frames} of {self._count} frames arrived; is the disk full?"
            )
