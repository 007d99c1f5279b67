"""Recording labelled clips from a camera: a countdown, some seconds, and again."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Literal

import numpy as np

from tsm_edge.errors import SourceError
from tsm_edge.runtime.capture import CapturedFrame, Source, as_camera, open_source
from tsm_edge.runtime.clip_folder import ClipFolder
from tsm_edge.runtime.preprocess import UInt8Array
from tsm_edge.runtime.recorder_view import RecorderView
from tsm_edge.runtime.video_writer import VideoWriter
from tsm_edge.runtime.window import Window

__all__ = ["Moment", "Recording", "record_clips"]

TITLE = "tsm-edge record: q stops"
QUIT_KEYS = ("q", "\x1b")  # q and Esc
POLL_S = 0.03
# A camera that gives no picture for so long is not there.
PATIENCE_S = 15.0
MIN_FRAMES = 2

MomentKind = Literal["countdown", "recording", "kept", "lost"]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What happens now.

    Attributes:
        kind: "countdown" once a second, "recording" when it begins, "kept" with a clip's path, "lost" when the
            camera was away and the clip begins anew.
        number: Which clip, counted from 1.
        seconds: Left of the countdown.
        path: Where the clip was kept.
    """

    kind: MomentKind
    number: int
    seconds: int = 0
    path: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What was recorded.

    Attributes:
        folder: Where clips lie.
        clips: Those of this session.
        stopped: Whether q, Esc or Ctrl-C ended it early.
    """

    folder: Path
    clips: tuple[Path, ...]
    stopped: bool


class _StopError(Exception):
    """The user has had enough."""


class _LostError(Exception):
    """The camera was away in the middle of a clip."""


def record_clips(
    label: str,
    directory: str | Path,
    source: str,
    *,
    count: int = 10,
    seconds: float = 3.0,
    countdown_s: float = 3.0,
    display: bool = True,
    mirror: bool = False,
    on_moment: Callable[[Moment], None] = lambda _: None,
) -> Recording:
    """Record `count` clips of one class into DIRECTORY/LABEL, numbered on from those there.

    Args:
        label: The class.
        directory: The data set's folder, with a folder per class.
        source: A camera as `open_source` takes it; a video file plays the camera, at its own rate.
        count: How many clips.
        seconds: How long each one is.
        countdown_s: Time before each one.
        display: Show the camera's picture in a window.
        mirror: Show it as a mirror does; clips are kept as the camera sees.
        on_moment: Told what happens.

    Raises:
        UsageError: A label that cannot name a folder.
        SourceError: No camera there, or it gave too few pictures; complete clips stay.
        OutputError: A clip cannot be written.
    """
    folder = ClipFolder(Path(directory), label)
    kept: list[Path] = []
    with ExitStack() as opened:
        camera = opened.enter_context(open_source(as_camera(source)))
        window = opened.enter_context(Window(TITLE)) if display else None
        session = _Session(camera, window, RecorderView(label, count, mirror=mirror), on_moment)
        try:
            while len(kept) < count:
                number = len(kept) + 1
                try:
                    session.count_down(number, countdown_s)
                    path = session.record(number, folder, seconds)
                except _LostError:
                    on_moment(Moment(kind="lost", number=number))
                    continue
                kept.append(path)
                on_moment(Moment(kind="kept", number=number, path=path))
        except (_StopError, KeyboardInterrupt):
            return Recording(folder=folder.path, clips=tuple(kept), stopped=True)
    return Recording(folder=folder.path, clips=tuple(kept), stopped=False)


class _Session:
    """A camera and a window, for one clip after another."""

    def __init__(
        self, camera: Source, window: Window | None, view: RecorderView, on_moment: Callable[[Moment], None]
    ) -> None:
        self._camera = camera
        self._window = window
        self._view = view
        self._on_moment = on_moment

    def count_down(self, number: int, seconds: float) -> None:
        """Show the picture and what is left, so that the person can get ready."""
        end_s, told = monotonic() + seconds, 0
        while (left_s := end_s - monotonic()) > 0:
            shown = int(left_s) + 1
            if shown != told:
                told = shown
                self._on_moment(Moment(kind="countdown", number=number, seconds=shown))
            frame = self._next_frame()
            self._show(self._view.counting(frame.image, number, shown))

    def record(self, number: int, folder: ClipFolder, seconds: float) -> Path:
        """Write the frames of the next `seconds` and return where they are."""
        self._on_moment(Moment(kind="recording", number=number))
        with folder.clip() as aside:
            path = folder.next_path()
            self._write(aside, number, seconds)
        return path

    def _write(self, path: Path, number: int, seconds: float) -> None:
        count, start_s = 0, None
        with VideoWriter(path, self._camera.fps) as video:
            while True:
                frame = self._next_frame()
                start_s = frame.timestamp_s if start_s is None else start_s
                elapsed_s = frame.timestamp_s - start_s
                if frame.is_restart and count:
                    raise _LostError
                if elapsed_s >= seconds:
                    break
                video.write(_even(frame.image), frame.timestamp_s)
                count += 1
                self._show(self._view.recording(frame.image, number, elapsed_s / seconds))
        if count < MIN_FRAMES:
            raise SourceError(
                f"{self._camera.name} gave {count} pictures in {seconds:g} s; record longer, or check the camera"
            )

    def _next_frame(self) -> CapturedFrame:
        """The camera's next picture; meanwhile the window answers."""
        deadline_s = monotonic() + PATIENCE_S
        while not self._camera.ended:
            frame = self._camera.read(POLL_S)
            self._listen()
            if frame is not None:
                return frame
            if monotonic() > deadline_s:
                raise SourceError(
                    f"{self._camera.name} gives no picture; check the camera, complete clips are kept"
                )
        raise SourceError(f"{self._camera.name} ended; complete clips are kept")

    def _show(self, picture: UInt8Array) -> None:
        if self._window is not None:
            self._window.show(picture)

    def _listen(self) -> None:
        if self._window is not None and self._window.key().lower() in QUIT_KEYS:
            raise _StopError


def _even(image: UInt8Array) -> UInt8Array:
    """Without its last row or column where the encoder could not take them."""
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[: height // 2 * 2, : width // 2 * 2])
