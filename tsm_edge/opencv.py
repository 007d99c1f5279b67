"""OpenCV, loaded when it is first needed and quiet: what goes wrong is said by our errors, in one line."""

import os
from functools import cache
from typing import Any

from tsm_edge.errors import MissingDependencyError

__all__ = ["load_opencv"]

FFMPEG_QUIET = "-8"  # AV_LOG_QUIET of libavutil/log.h


@cache
def load_opencv() -> Any:
    """The module `cv2`; OPENCV_LOG_LEVEL and OPENCV_FFMPEG_LOGLEVEL still make it talk.

    Raises:
        MissingDependencyError: OpenCV is not installed.
    """
    # FFmpeg inside OpenCV reads this when it opens its first video.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", FFMPEG_QUIET)
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            f"pictures and videos need OpenCV ({error}): pip install opencv-python, "
            "or step normalised arrays with step_tensor()"
        ) from error
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
