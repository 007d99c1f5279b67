"""Made streams as videos with a list of what happens, as `tsm-edge eval --protocol stream` reads them."""

import os
from pathlib import Path

import numpy as np

from tsm_edge.errors import OutputError
from tsm_edge.export.data.gestures.labels import GESTURE_LABELS
from tsm_edge.export.data.gestures.renderer import GestureGenerator, GestureStream
from tsm_edge.export.data.gestures.scripts import BACKGROUND, made_stream
from tsm_edge.files import directory_written_aside
from tsm_edge.opencv import load_opencv

__all__ = ["write_streams"]

# Single pictures one after another: every build of OpenCV writes and reads them.
_CODEC = "MJPG"


def write_streams(
    folder: Path, generator: GestureGenerator, count: int, start: int = 0, gestures: int = 12
) -> None:
    """Write streams number `start` and following as folder/NUMBER.avi and NUMBER.csv with `start_s;end_s;label`.

    Args:
        folder: Where they appear together when all are written.
        generator: Makes them, at its frame rate.
        count: How many streams.
        start: Number of the first.
        gestures: How many each; in every fourth stream there are none.

    Raises:
        OutputError: The folder holds something else or cannot be written.
    """
    with directory_written_aside(folder, marker="gestures.txt") as aside:
        for number in range(start, start + count):
            stream = made_stream(generator, number, 0 if number % 4 == 3 else gestures)
            _write_video(aside / f"{number:06d}.avi", stream)
            (aside / f"{number:06d}.csv").write_text(_table(stream), encoding="utf-8")
        about = (
            f"world {generator.world.name}, seed {generator.seed}, streams {start} to {start + count - 1}\n"
        )
        (aside / "gestures.txt").write_text(about, encoding="utf-8")


def _table(stream: GestureStream) -> str:
    return "".join(
        f"{event.start:.3f};{event.end:.3f};{GESTURE_LABELS[event.label]}\n"
        for event in stream.events
        if GESTURE_LABELS[event.label] not in BACKGROUND
    )


def _write_video(path: Path, stream: GestureStream) -> None:
    cv2 = load_opencv()
    size = stream.frames.shape[-1]
    writer = cv2.VideoWriter(
        os.fspath(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*_CODEC), stream.fps, (size, size)
    )
    if not writer.isOpened():
        raise OutputError(f"OpenCV cannot write {path} with {_CODEC}; install opencv-python from pip")
    for frame in stream.frames.cpu().permute(0, 2, 3, 1).flip(-1).numpy():
        writer.write(np.ascontiguousarray(frame))
    writer.release()
