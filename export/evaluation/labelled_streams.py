"""Long streams of which is known what happens when: labelled videos, or the clips of a data set one after another.

A labelled video is `NAME.mp4` beside `NAME.csv` with lines `start_s;end_s;label`. Joined clips change the scene at
every clip, which no camera does: their figures say something of the labels, little of false events in a calm room.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tsm_edge.errors import DataError
from tsm_edge.export.data.clips import VIDEO_SUFFIXES, Clip, UInt8Array, read_frames, video_frames, video_rate
from tsm_edge.export.evaluation.event_metrics import TrueEvent

__all__ = ["EventStream", "LabelledStream", "TimedFrame", "joined_clips", "labelled_videos", "thinned"]

# Pictures carry no time; Jester's were taken at this rate.
PICTURES_FPS = 12.0

TimedFrame = tuple[float, UInt8Array]


class EventStream(Protocol):
    """Frames with their times, and what happens; wherever they come from."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def events(self) -> Sequence[TrueEvent]:
        """What happens, in the order of time."""
        ...

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last."""
        ...

    def frames(self) -> Iterator[TimedFrame]:
        """Seconds from the beginning, and a frame (H, W, 3) uint8 BGR."""
        ...


@dataclass(frozen=True, kw_only=True)
class LabelledStream:
    """Frames with their times, and what happens.

    Attributes:
        name: What reports call it.
        clips: Videos or folders of pictures, one after another.
        events: What happens, in the order of time.
        duration_s: From the first frame to the end of the last.
    """

    name: str
    clips: tuple[Path, ...]
    events: tuple[TrueEvent, ...]
    duration_s: float

    def frames(self) -> Iterator[TimedFrame]:
        """Seconds from the beginning, and a frame (H, W, 3) uint8 BGR."""
        start_s = 0.0
        for path in self.clips:
            fps = clip_rate(path)
            count = 0
            for count, frame in enumerate(_bgr_frames(path), start=1):
                yield start_s + (count - 1) / fps, frame
            start_s += count / fps


def labelled_videos(data: Path) -> tuple[LabelledStream, ...]:
    """The labelled videos of a folder; none if it has no pair of a video and a csv.

    Raises:
        DataError: A csv of another form, or a video that cannot be decoded.
    """
    found = []
    for table in sorted(data.glob("*.csv")) if data.is_dir() else []:
        videos = [table.with_suffix(suffix) for suffix in sorted(VIDEO_SUFFIXES)]
        video = next((path for path in videos if path.is_file()), None)
        if video is not None:
            duration_s = sum(1 for _ in video_frames(video)) / clip_rate(video)
            if not duration_s:
                raise DataError(f"no frame of {video} can be decoded; convert it, or remove it")
            found.append(
                LabelledStream(
                    name=video.name, clips=(video,), events=_read_events(table), duration_s=duration_s
                )
            )
    return tuple(found)


def joined_clips(
    clips: Sequence[Clip], labels: tuple[str, ...], background: tuple[str, ...], seed: int
) -> LabelledStream:
    """All clips one after another, shuffled by `seed`; each is an event unless its label is background.

    Raises:
        DataError: Clips that are parts of longer recordings, which are no streams by themselves.
    """
    if any(clip.first_frame is not None for clip in clips):
        raise DataError(
            "the data lists parts of recordings; for --protocol stream give a folder of videos, each beside a csv of "
            "its name with lines `start_s;end_s;label`"
        )
    events: list[TrueEvent] = []
    paths: list[Path] = []
    start_s = 0.0
    for place in np.random.default_rng(seed).permutation(len(clips)):
        clip = clips[place]
        end_s = start_s + clip.num_frames / clip_rate(clip.path)
        label = labels[clip.label]
        if label not in background:
            events.append(TrueEvent(label=label, start_s=start_s, end_s=end_s))
        paths.append(clip.path)
        start_s = end_s
    return LabelledStream(
        name=f"{len(clips)} clips joined", clips=tuple(paths), events=tuple(events), duration_s=start_s
    )


def thinned(
    frames: Iterator[TimedFrame], *, fps: float | None = None, drop: float = 0.0, seed: int = 0
) -> Iterator[TimedFrame]:
    """Frames as a slower or poorer camera gives them.

    Args:
        frames: All frames.
        fps: At most that many a second, evenly in time; None keeps the rate.
        drop: Part of the rest that is lost at random, 0 to 1.
        seed: Of what is lost.
    """
    rng = np.random.default_rng(seed)
    last = -1
    for time_s, frame in frames:
        if fps is not None:
            # The first frame of each of `fps` parts of a second; a little more, for times are sums of fractions.
            before, last = last, int(time_s * fps + 1e-6)
            if before == last:
                continue
        if not drop or rng.random() >= drop:
            yield time_s, frame


def clip_rate(path: Path) -> float:
    """Frames a second of a video, or what is assumed of pictures."""
    return PICTURES_FPS if path.is_dir() else video_rate(path)


def _bgr_frames(path: Path) -> Iterator[UInt8Array]:
    if path.is_dir():
        for frame in read_frames(path):
            yield np.ascontiguousarray(frame[..., ::-1])
    else:
        yield from video_frames(path)


def _read_events(table: Path) -> tuple[TrueEvent, ...]:
    events = []
    for number, line in enumerate(table.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            start, end, label = line.split(";", 2)
            event = TrueEvent(label=label.strip(), start_s=float(start), end_s=float(end))
        except ValueError:
            raise DataError(f"{table}:{number}: {line.strip()[:60]!r} is not `start_s;end_s;label`") from None
        if not 0 <= event.start_s <= event.end_s:
            raise DataError(f"{table}:{number}: an event cannot last from {start} to {end} seconds")
        events.append(event)
    return tuple(sorted(events, key=lambda event: event.start_s))
