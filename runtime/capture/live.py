"""A camera read in a thread of its own: the newest frame wins, and a lost camera is tried again."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic

from tsm_edge.errors import SourceError
from tsm_edge.runtime.capture.camera import Camera
from tsm_edge.runtime.capture.source import CapturedFrame, Source
from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["LiveSource", "backoff"]

# A read may hang in a driver; the thread then closes the camera itself, whenever the driver lets go.
JOIN_TIMEOUT_S = 2.0

_log = logging.getLogger(__name__)


class LiveSource(Source):
    """The frames of a camera.

    Args:
        name: What messages call it.
        open_camera: Opens the camera, again after it was lost.
        first_wait_s: Wait before the first try to open a lost camera again; it doubles with every try.
        longest_wait_s: Where the doubling ends.

    Raises:
        SourceError: The camera does not open the first time.
    """

    is_live = True

    def __init__(
        self,
        name: str,
        open_camera: Callable[[], Camera],
        *,
        first_wait_s: float = 0.5,
        longest_wait_s: float = 10.0,
    ) -> None:
        self.name = name
        self._open_camera = open_camera
        self._waits_s = (first_wait_s, longest_wait_s)
        self._start_s: float | None = None
        self._newest: CapturedFrame | None = None
        self._index = 0
        self._dropped = 0
        self._is_lost = False
        self._finished = False
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        camera = open_camera()
        self.fps = camera.fps
        self._thread = threading.Thread(target=self._run, args=(camera,), name=f"read {name}", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """True when the camera will give nothing more and its last frame was taken."""
        return self._finished and self._newest is None

    @property
    def dropped(self) -> int:
        """How many frames were replaced by newer ones before anybody took them."""
        return self._dropped

    @property
    def is_lost(self) -> bool:
        """True while the camera is away and being tried again."""
        return self._is_lost

    def read(self, timeout_s: float | None = None) -> CapturedFrame | None:
        """The newest frame that was not given yet; None after `timeout_s`, or at the end.

        Raises:
            SourceError: Reading broke down for good.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._finished, timeout_s)
            frame, self._newest = self._newest, None
        if frame is None and self._error is not None:
            raise SourceError(f"{self.name} broke down: {self._error}; check the camera") from self._error
        return frame

    def close(self) -> None:
        """Stop the thread, which lets go of the camera."""
        self._stop.set()
        self._thread.join(JOIN_TIMEOUT_S)

    def _run(self, camera: Camera) -> None:
        try:
            self._pump(camera)
        except Exception as error:  # the consumer's thread raises it
            self._error = error
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def _pump(self, camera: Camera) -> None:
        is_restart = False
        try:
            while not self._stop.is_set():
                picture = camera.read(self._stop)
                if picture is not None:
                    self._offer(*picture, is_restart)
                elif camera.ended:
                    return
                else:
                    camera = self._reopened(camera)
                is_restart = picture is None
        finally:
            camera.close()

    def _offer(self, image: UInt8Array, decode_ms: float, is_restart: bool) -> None:
        now_s = monotonic()
        with self._changed:
            self._start_s = now_s if self._start_s is None else self._start_s
            if self._newest is not None:
                self._dropped += 1
                is_restart = is_restart or self._newest.is_restart
            self._newest = CapturedFrame(
                image=image,
                index=self._index,
                timestamp_s=now_s - self._start_s,
                decode_ms=decode_ms,
                is_restart=is_restart,
            )
            self._index += 1
            self._changed.notify_all()

    def _reopened(self, camera: Camera) -> Camera:
        """The camera, opened again; the closed one if we are asked to stop before it comes back."""
        camera.close()
        self._is_lost = True
        _log.warning("%s is lost; trying again until it comes back", self.name)
        for wait_s in backoff(*self._waits_s):
            if self._stop.wait(wait_s):
                break
            with suppress(SourceError):
                camera = self._open_camera()
                self._is_lost = False
                _log.warning("%s is back", self.name)
                break
        return camera


def backoff(first_wait_s: float, longest_wait_s: float) -> Iterator[float]:
    """Seconds to wait before each try, for ever: doubled each time, up to the longest."""
    wait_s = first_wait_s
    while True:
        yield wait_s
        wait_s = min(2 * wait_s, longest_wait_s)
