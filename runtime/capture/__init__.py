"""Frames from files, pictures and cameras. OpenCV is loaded when a source is opened."""

from tsm_edge.runtime.capture.addresses import as_camera, open_source
from tsm_edge.runtime.capture.source import CapturedFrame, Source

__all__ = ["CapturedFrame", "Source", "as_camera", "open_source"]
