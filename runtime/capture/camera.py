"""Devices that give a picture when they have one: cameras, network streams, a file that plays camera."""

import os
import platform
import re
import threading
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, Protocol

from tsm_edge.errors import SourceError
from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.capture.video_file import DEFAULT_FPS, VideoFile
from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["Camera", "OpenCvCamera", "PlayedFile", "open_csi", "open_network", "open_usb", "without_password"]

NETWORK_TIMEOUT_MS = 5000

# Argus camera, converted from the image processor's memory to BGR; one buffer, so that no old frame waits.
# Source: NVIDIA Jetson Linux Developer Guide, Accelerated GStreamer.
CSI_PIPELINE = (
    "nvarguscamerasrc sensor-id={sensor} ! "
    "video/x-raw(memory:NVMM), width=1280, height=720, framerate=30/1, format=NV12 ! "
    "nvvidconv ! video/x-raw, format=BGRx ! videoconvert ! video/x-raw, format=BGR ! "
    "appsink drop=true max-buffers=1 sync=false"
)


class Camera(Protocol):
    """A device in the hands of the one thread that reads it."""

    fps: float

    def read(self, stop: threading.Event) -> tuple[UInt8Array, float] | None:
        """Wait for a picture, (H, W, 3) uint8 BGR, and its milliseconds of decoding; None if it is lost."""
        ...

    @property
    def ended(self) -> bool:
        """True if it is no use to open it again."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class OpenCvCamera:
    """A device or address that OpenCV opened."""

    ended = False

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        fps = float(capture.get(load_opencv().CAP_PROP_FPS))
        self.fps = fps if 0 < fps < 1000 else DEFAULT_FPS

    def read(self, stop: threading.Event) -> tuple[UInt8Array, float] | None:
        """Wait for the next picture; `stop` is looked at by the caller, between pictures."""
        if not self._capture.grab():
            return None
        start = perf_counter()
        readable, image = self._capture.retrieve()
        return (image, (perf_counter() - start) * 1e3) if readable else None

    def close(self) -> None:
        """Let go of the device."""
        self._capture.release()


class PlayedFile:
    """A video file in the role of a camera: its frames come at its own rate, and it ends.

    Raises:
        SourceError: The file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file = VideoFile(path)
        self.fps = self._file.fps
        self._start_s: float | None = None

    @property
    def ended(self) -> bool:
        """True after the last frame."""
        return self._file.ended

    def read(self, stop: threading.Event) -> tuple[UInt8Array, float] | None:
        """Wait until the next frame is due, or `stop` is set."""
        frame = self._file.read()
        if frame is None:
            return None
        self._start_s = monotonic() if self._start_s is None else self._start_s
        stop.wait(max(0.0, self._start_s + frame.timestamp_s - monotonic()))
        return frame.image, frame.decode_ms

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_usb(number: int) -> OpenCvCamera:
    """Camera number `number`, on Linux /dev/video<number>.

    Raises:
        SourceError: No such camera, no permission, or another program holds it.
    """
    cv2 = load_opencv()
    device = Path(f"/dev/video{number}")
    on_linux = platform.system() == "Linux"
    if on_linux and not device.exists():
        found = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
        raise SourceError(f"no camera at {device} (cameras here: {found}); plug one in, or give a video file")
    if on_linux and not os.access(device, os.R_OK | os.W_OK):
        raise SourceError(f"no permission for {device}; add yourself with `sudo usermod -aG video $USER`")
    capture = cv2.VideoCapture(number, cv2.CAP_V4L2 if on_linux else cv2.CAP_ANY)
    if not capture.isOpened():
        raise SourceError(
            f"camera {number} does not open; close the program that uses it, or give another number"
        )
    return OpenCvCamera(capture)


def open_network(url: str) -> OpenCvCamera:
    """A stream at an address such as rtsp://host/path.

    Raises:
        SourceError: Nothing answers there within five seconds, or it is no video.
    """
    cv2 = load_opencv()
    timeouts = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
    parameters = [value for option in timeouts for value in (option, NETWORK_TIMEOUT_MS)]
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, parameters)
    if not capture.isOpened():
        raise SourceError(f"no video at {without_password(url)}; check address, password and network")
    return OpenCvCamera(capture)


def open_csi(sensor: int) -> OpenCvCamera:
    """A Jetson's CSI camera through GStreamer.

    Raises:
        SourceError: OpenCV was built without GStreamer, or no camera answers.
    """
    cv2 = load_opencv()
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise SourceError(
            f"csi://{sensor} needs an OpenCV with GStreamer, which the one from pip lacks; on a Jetson use "
            "JetPack's: pip uninstall opencv-python, in a virtual environment with --system-site-packages"
        )
    capture = cv2.VideoCapture(CSI_PIPELINE.format(sensor=sensor), cv2.CAP_GSTREAMER)
    if not capture.isOpened():
        raise SourceError(f"no camera answers at csi://{sensor}; check the cable, and `ls /dev/video*`")
    return OpenCvCamera(capture)


def without_password(url: str) -> str:
    """`url` without user and password, for messages."""
    return re.sub(r"//[^/@]*@", "//", url)
