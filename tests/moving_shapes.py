"""Small clips whose class is a direction: a bright shape over a dull background moves left, right, up or down.

Every frame alone, and every clip's frames without their order, look the same for a direction and its opposite.
"""

from pathlib import Path

import cv2
import numpy as np

__all__ = [
    "DIRECTIONS",
    "moving_shape",
    "scrolling_texture",
    "write_clip",
    "write_folders",
    "write_wide_folders",
]

SIZE = 48
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1), "nothing": (0, 0)}


def moving_shape(
    direction: str, rng: np.random.Generator, num_frames: int = 12, size: int = SIZE
) -> np.ndarray:
    """Frames (num_frames, size, size, 3) uint8 BGR; the shape goes round where it leaves the picture."""
    dull = rng.integers(0, 60, (size // 8, size // 8, 3), np.uint8)
    background = cv2.resize(dull, (size, size), interpolation=cv2.INTER_LINEAR)
    colour = rng.integers(160, 256, 3).tolist()
    side, step = int(rng.integers(size // 5, size // 3)), int(rng.integers(size // 12, size // 8))
    start = rng.integers(0, size, 2)
    frames = []
    for t in range(num_frames):
        x, y = (start + t * step * np.array(DIRECTIONS[direction])) % size
        mask = np.zeros((size, size), bool)
        mask[np.ix_((y + np.arange(side)) % size, (x + np.arange(side)) % size)] = True
        frame = background.copy()
        frame[mask] = colour
        frames.append(frame)
    return np.stack(frames)


def scrolling_texture(
    direction: str, rng: np.random.Generator, num_frames: int = 8, size: int = 40
) -> np.ndarray:
    """Frames (num_frames, size, size, 3) uint8 BGR of a camera that pans: all of the picture moves left or right."""
    step = int(rng.integers(3, 7))
    noise = rng.integers(0, 256, (size, size + step * num_frames, 3), np.uint8)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    frames = [wide[:, t * step : t * step + size] for t in range(num_frames)]
    return np.stack(frames if direction == "left" else frames[::-1])


def write_clip(path: Path, frames: np.ndarray, fps: float = 12) -> Path:
    """Write frames (T, H, W, 3) uint8 BGR as a video, or as numbered pictures if `path` has no ending."""
    if not path.suffix:
        path.mkdir(parents=True)
        for number, frame in enumerate(frames, start=1):
            cv2.imwrite(str(path / f"{number:05}.jpg"), frame)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:3]
    codec = {".mp4": "mp4v", ".webm": "VP80"}.get(path.suffix, "MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def write_folders(
    root: Path,
    num_clips: int,
    directions: tuple[str, ...] = ("left", "right"),
    *,
    suffix: str = ".avi",
    seed: int = 0,
) -> Path:
    """A folder for each direction, `num_clips` clips in each."""
    rng = np.random.default_rng(seed)
    for direction in directions:
        for number in range(num_clips):
            write_clip(root / direction / f"{number:03}{suffix}", moving_shape(direction, rng))
    return root


def write_wide_folders(root: Path, directions: tuple[str, ...] = ("left", "right")) -> Path:
    """A clip for each direction, twice as wide as high, so that no two crops of it are the same."""
    for number, direction in enumerate(directions):
        shape = moving_shape(direction, np.random.default_rng(number))
        write_clip(root / direction / "0.avi", np.concatenate((shape, shape[:, :, ::-1]), axis=2))
    return root
