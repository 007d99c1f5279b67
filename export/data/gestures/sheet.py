"""Contact sheets to look at, and clips as folders of pictures to train on."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from tsm_edge.errors import OutputError
from tsm_edge.export.data.gestures.labels import MADE_LABELS
from tsm_edge.export.data.gestures.renderer import GestureGenerator
from tsm_edge.files import directory_written_aside, file_written_aside
from tsm_edge.opencv import load_opencv

__all__ = ["contact_sheet", "write_folders", "write_frames", "write_sheet"]

_YELLOW = (255, 255, 0)
_AT_ONCE = 32


def contact_sheet(
    generator: GestureGenerator, labels: Sequence[int], start: int = 0, columns: int = 2
) -> np.ndarray:
    """Clips in rows, their frames side by side, the label on the first; RGB, (H, W, 3), uint8.

    Args:
        generator: Makes them.
        labels: What each clip shows, indices into MADE_LABELS.
        start: Number of the first clip.
        columns: Clips side by side.
    """
    clips = generator.clips(start, len(labels), torch.tensor(labels)).clips.cpu()
    strips = clips.permute(0, 3, 1, 4, 2).flatten(2, 3).numpy().copy()  # (N, T, 3, S, S) -> (N, S, T * S, 3)
    cv2 = load_opencv()
    for strip, label in zip(strips, labels, strict=True):
        cv2.putText(
            strip, MADE_LABELS[label], (2, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.35, _YELLOW, 1, cv2.LINE_AA
        )
    rows = -(-len(strips) // columns)
    padded = np.zeros((rows * columns, *strips.shape[1:]), np.uint8)
    padded[: len(strips)] = strips
    return np.concatenate(
        [np.concatenate(list(padded[i * rows : (i + 1) * rows])) for i in range(columns)], axis=1
    )


def write_sheet(path: Path, sheet: np.ndarray) -> None:
    """Write a sheet as the kind of picture that its name says.

    Raises:
        OutputError: The name ends in none that OpenCV writes, or the file cannot be written.
    """
    cv2 = load_opencv()
    with file_written_aside(path) as aside:
        try:
            written = cv2.imwrite(os.fspath(aside), sheet[..., ::-1])
        except cv2.error as error:
            raise OutputError(
                f"cannot write {path} as a picture; give it a name that ends in .png or .jpg"
            ) from error
        if not written:
            raise OutputError(f"cannot write {path}; make room or choose another place")


def write_folders(
    folder: Path, generator: GestureGenerator, count: int, start: int = 0, chosen: Sequence[str] = ()
) -> None:
    """Write clips as folder/LABEL/NUMBER/00001.jpg and so on.

    Args:
        folder: Where they appear together when all are written.
        generator: Makes them.
        count: How many clips.
        start: Number of the first.
        chosen: What they show in turn, some of MADE_LABELS; by default each clip's own label.

    Raises:
        OutputError: The folder holds something else or cannot be written.
    """
    with directory_written_aside(folder, marker="gestures.txt") as aside:
        for first in range(start, start + count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, start + count))
            shown = (
                [MADE_LABELS.index(chosen[number % len(chosen)]) for number in numbers] if chosen else None
            )
            labels = None if shown is None else torch.tensor(shown)
            batch = generator.clips(first, len(numbers), labels)
            for offset, (clip, label) in enumerate(
                zip(batch.clips.cpu(), batch.labels.tolist(), strict=True)
            ):
                write_frames(aside / MADE_LABELS[label] / f"{first + offset:06d}", clip)
        about = f"world {generator.world.name}, seed {generator.seed}, clips {start} to {start + count - 1}\n"
        (aside / "gestures.txt").write_text(about, encoding="utf-8")


def write_frames(place: Path, clip: torch.Tensor) -> None:
    """Write a clip (T, 3, H, W), uint8 RGB, as place/00001.jpg and so on; the folder must be new."""
    cv2 = load_opencv()
    place.mkdir(parents=True)
    for number, frame in enumerate(clip.permute(0, 2, 3, 1).flip(-1).numpy(), start=1):
        cv2.imwrite(os.fspath(place / f"{number:05d}.jpg"), np.ascontiguousarray(frame))
