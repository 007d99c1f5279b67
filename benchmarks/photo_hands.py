"""Hands from photographs before people who were filmed: the nearest to real gestures that can be had.

    python benchmarks/photo_hands.py PHOTOS VIDEOS [MODEL]

PHOTOS holds sample pictures of the HaGRID data set (Kapitanov et al., 2022, CC BY-SA 4.0) as MediaPipe carries them
(Apache-2.0), in mediapipe/model_maker/python/vision/gesture_recognizer/testdata/raw_data: people in their rooms who
show four fingers or a thumb. VIDEOS holds videos of people who make no gesture. Neither is part of this repository;
photo_hands.json holds the hands' outlines. Skin, fingers, faces and rooms are real, the movement is made. The clips,
which are the same again for the same seed, are read as `tsm-edge eval` reads any data; --clips keeps them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
import torch
from gesture_provenance import network, provenance, record_path, weights_file
from gesture_record import MadeData, PhotoHandsRecord
from photo_hand_clips import FPS, NUM_FRAMES, Cutout, UInt8Array, clip, labels_of, read_cutouts
from record_files import write_record
from result_files import announce

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.errors import UsageError
from tsm_edge.export import load_checkpoint
from tsm_edge.export.data import open_data
from tsm_edge.export.data.clips import VIDEO_SUFFIXES, video_frames, video_rate
from tsm_edge.export.data.gestures.scripts import BACKGROUND
from tsm_edge.export.data.gestures.sheet import write_frames
from tsm_edge.export.evaluation import ModelScorer, clip_protocol
from tsm_edge.export.evaluation.clip_evaluation import match_labels
from tsm_edge.export.evaluation.clip_results import summarise
from tsm_edge.export.evaluation.clip_scores import clip_scores

OUTLINES = Path(__file__).with_suffix(".json")
PROTOCOL = "1clip-center"
QUIET = "Doing other things"
_MOST_FRAMES = 150  # of a video

Backdrops = list[list[UInt8Array]]


@click.command()
@click.argument("photos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("model", default="default")
@click.option(
    "--each", type=click.IntRange(1), default=4, show_default=True, help="Clips a hand and gesture, twice."
)
@click.option("--seed", type=int, default=1004, show_default=True, help="Of the clips.")
@click.option("--clips", type=click.Path(path_type=Path), help="A new folder to keep the clips in.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Default: named by the network.")
def main(
    photos: Path, videos: Path, model: str, each: int, seed: int, clips: Path | None, output: Path | None
) -> None:
    """Move hands from PHOTOS before VIDEOS and read them with MODEL; by default the one that is shipped."""
    if clips is not None and clips.exists():
        raise UsageError(f"{clips} exists; give a new folder")
    with TemporaryDirectory() as folder:
        record = measure(weights_file(model), photos, videos, each, seed, clips or Path(folder))
    path = output or record_path("photo-hands", record.network, "photographs")
    write_record(record, path)
    announce(
        f"{record.top1:.1%} of {record.num_gestures} gestures, {record.wrong:.1%} taken for another one; wrote {path}"
    )


def measure(
    weights: Path, photos: Path, videos: Path, each: int, seed: int, folder: Path
) -> PhotoHandsRecord:
    """Write the clips into `folder` and read them.

    Raises:
        DataError, UsageError, CheckpointError: As their sources say.
    """
    began = provenance(__file__)
    model = load_checkpoint(weights)
    labels, segments = model.spec.labels, (model.spec.num_segments,)
    announce("making clips")
    behind, cutouts = backdrops(videos), read_cutouts(OUTLINES, photos)
    for number, (frames, label) in enumerate(made(cutouts, behind, each, seed)):
        write_frames(folder / label / f"{number:05d}", torch.from_numpy(frames).permute(0, 3, 1, 2))
    announce("reading them")
    found = open_data(folder)
    scorer = ModelScorer(model, "photo hands", torch.device("cpu"))
    scores = clip_scores([scorer], found.train, clip_protocol(PROTOCOL), segments, 0, lambda _: None)[0]
    index = match_labels(found.labels, labels)
    truth = np.array([index[clip.label] for clip in found.train])
    classes = summarise(
        scores, truth, labels, models=("default",), protocol=PROTOCOL, num_segments=segments
    ).classes
    answers, background = scores.argmax(1), [labels.index(label) for label in BACKGROUND]
    is_gesture, announced = ~np.isin(truth, background), ~np.isin(answers, background)
    right = (answers == truth)[is_gesture]
    return PhotoHandsRecord(
        **began,
        data=MadeData(
            world="photographs",
            seed=seed,
            photos=len({cutout.name for cutout in cutouts}),
            videos=len(behind),
        ),
        network=network(weights, model.spec),
        num_segments=segments[0],
        num_gestures=int(is_gesture.sum()),
        top1=float(right.mean()),
        wrong=float((announced[is_gesture] & ~right).mean()),
        num_quiet=int((~is_gesture).sum()),
        quiet=float((~announced[~is_gesture]).mean()),
        classes=tuple(each for each in classes if each.num_clips and each.label not in BACKGROUND),
    )


def made(
    cutouts: Sequence[Cutout], behind: Backdrops, each: int, seed: int
) -> Iterator[tuple[UInt8Array, str]]:
    """Clips, (T, H, W, 3) uint8 RGB, and their labels; half of them mirrored, and some with people alone."""
    rng = np.random.default_rng(seed)
    for cutout in cutouts:
        for label in labels_of(cutout):
            for mirrored in (False, True) * each:
                yield clip(cutout, label, _part(behind, rng), mirrored, rng)
    for _ in range(8 * each):
        alone = np.stack(_part(behind, rng))[..., ::-1]
        yield np.ascontiguousarray(alone), QUIET


def backdrops(folder: Path) -> Backdrops:
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


def _part(behind: Backdrops, rng: np.random.Generator) -> list[UInt8Array]:
    frames = behind[rng.integers(len(behind))]
    first = rng.integers(len(frames) - NUM_FRAMES + 1)
    return frames[first : first + NUM_FRAMES]


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/photo_hands.py")
