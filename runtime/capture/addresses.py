"""From what a user types as --source to frames.

| address | source |
|---|---|
| 0, /dev/video0 | USB camera |
| file.mp4 | video file: every frame |
| frames/*.jpg | pictures, in the order of their numbers |
| rtsp://..., rtsps, rtmp, http, https, udp, tcp, srt | network stream, as a camera |
| csi://0 | Jetson's CSI camera (needs an OpenCV with GStreamer) |
| live+file.mp4 | the file in the role of a camera: at its own rate, frames that come too fast are dropped |
"""

import re
from functools import partial
from pathlib import Path

from tsm_edge.errors import UsageError
from tsm_edge.runtime.capture.camera import PlayedFile, open_csi, open_network, open_usb, without_password
from tsm_edge.runtime.capture.live import LiveSource
from tsm_edge.runtime.capture.pictures import PICTURE_SUFFIXES, Pictures
from tsm_edge.runtime.capture.source import Source
from tsm_edge.runtime.capture.video_file import VideoFile

__all__ = ["as_camera", "open_source"]

NETWORK_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt"})
PLAYED_PREFIX = "live+"
CAMERA_PATTERN = re.compile(r"(?:/dev/video)?(\d+)")


def open_source(address: str) -> Source:
    """Open a file, pictures or a camera; see the table above.

    Raises:
        SourceError: Nothing there that can be read.
        UsageError: An address of an unknown kind.
        MissingDependencyError: OpenCV is not installed.
    """
    if address.startswith(PLAYED_PREFIX):
        return LiveSource(address, partial(PlayedFile, Path(address.removeprefix(PLAYED_PREFIX))))
    if camera := CAMERA_PATTERN.fullmatch(address):
        return LiveSource(f"camera {address}", partial(open_usb, int(camera[1])))
    scheme, separator, rest = address.partition("://")
    return _open_address(address, scheme, rest) if separator else _open_path(address)


def as_camera(address: str) -> str:
    """The address under which a video file plays at its own rate; others are returned as they are."""
    if CAMERA_PATTERN.fullmatch(address) or not Path(address).is_file():
        return address
    return address if Path(address).suffix.lower() in PICTURE_SUFFIXES else PLAYED_PREFIX + address


def _open_address(address: str, scheme: str, rest: str) -> Source:
    if scheme in NETWORK_SCHEMES:
        return LiveSource(without_password(address), partial(open_network, address))
    if scheme == "csi" and rest.isdecimal():
        return LiveSource(address, partial(open_csi, int(rest)))
    raise UsageError(
        f"unknown source {address!r}; accepted are 0, /dev/video0, file.mp4, 'frames/*.jpg', rtsp://..., "
        "http://..., csi://0 and live+file.mp4"
    )


def _open_path(address: str) -> Source:
    path = Path(address)
    is_pattern = any(mark in address for mark in "*?[") and not path.exists()
    if is_pattern or path.suffix.lower() in PICTURE_SUFFIXES:
        return Pictures(address)
    return VideoFile(path)
