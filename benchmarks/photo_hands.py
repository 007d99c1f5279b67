"""Write clips of hands from photographs before people who were filmed: the nearest to real gestures that can be had.

    python benchmarks/photo_hands.py PHOTOS VIDEOS OUTPUT
    tsm-edge eval MODEL OUTPUT

PHOTOS holds sample pictures of the HaGRID data set (Kapitanov et al., 2022, CC BY-SA 4.0) as MediaPipe carries them
(Apache-2.0), in mediapipe/model_maker/python/vision/gesture_recognizer/testdata/raw_data: people in their rooms who
show four fingers or a thumb. VIDEOS holds videos of people who make no gesture. Neither is part of this repository;
photo_hands.json holds the hands' outlines. Clips are written as folders of pictures, one folder a label, and everything
is the same again for the same seed.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from photo_hand_clips import FPS, NUM_FRAMES, UInt8Array, clip, labels_of, read_cutouts
from result_files import announce

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.errors import UsageError
from tsm_edge.export.data.clips import VIDEO_SUFFIXES, video_frames, video_rate
from tsm_edge.export.data.gestures.sheet import write_frames

OUTLINES = Path(__file__).with_suffix(".json")
QUIET = "Doing other things"
_MOST_FRAMES = 150  # of a video


@click.command()
@click.argument("photos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--each", type=click.IntRange(1), default=2, show_default=True, help="Clips a hand and gesture, twice."
)
@click.option("--seed", type=int, default=0, show_default=True)
def main(photos: Path, videos: Path, output: Path, each: int, seed: int) -> None:
    """Cut hands out of PHOTOS, move them before VIDEOS and write the clips to OUTPUT."""
    if output.exists():
        raise UsageError(f"{output} exists; give a new folder")
    count = 0
    for frames, label in made(photos, videos, each, seed):
        write_frames(output / label / f"{count:05d}", torch.from_numpy(frames).permute(0, 3, 1, 2))
        count += 1
    announce(f"wrote {count} clips to {output}")


def made(photos: Path, videos: Path, each: int, seed: int) -> Iterator[tuple[UInt8Array, str]]:
    """Clips, (T, H, W, 3) uint8 RGB, and their labels; half of them mirrored, and some with people alone.

    Raises:
        DataError: A photograph is missing.
        UsageError: There is no video of three seconds.
    """
    rng = np.random.default_rng(seed)
    behind = backdrops(videos)
    for cutout in read_cutouts(OUTLINES, photos):
        for label in labels_of(cutout):
            for mirrored in (False, True) * each:
                yield clip(cutout, label, _part(behind, rng), mirrored, rng)
    for _ in range(8 * each):
        alone = np.stack(_part(behind, rng))[..., ::-1]
        yield np.ascontiguousarray(alone), QUIET


def backdrops(folder: Path) -> list[list[UInt8Array]]:
    """Every video's first seconds at FPS frames a second and 180 pixels high.

    Raises:
        UsageError: None is three seconds long.
    """
    found = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES):
        step = video_rate(path) / FPS
        frames: list[UInt8Array] = []
        for number, frame in enumerate(video_frames(path)):
            if number // step != (number - 1) // step and len(frames) < _MOST_FRAMES:
                size = (180 * frame.shape[1] // frame.shape[0], 180)
                frames.append(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
        if len(frames) >= NUM_FRAMES:
            found.append(frames)
    if not found:
        raise UsageError(
            f"{folder} has no video of three seconds; give a folder of mp4, avi, mov, mkv or webm files"
        )
    return found


def _part(behind: list[list[UInt8Array]], rng: np.random.Generator) -> list[UInt8Array]:
    frames = behind[rng.integers(len(behind))]
    first = rng.integers(len(frames) - NUM_FRAMES + 1)
    return frames[first : first + NUM_FRAMES]


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/photo_hands.py")
