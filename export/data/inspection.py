"""Looking at every listed clip once: good ones are counted, others are named with what is wrong."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from tsm_edge.export.data.clips import VIDEO_SUFFIXES, Clip, count_video_frames, picture_paths
from tsm_edge.export.data.listing import Entry
from tsm_edge.opencv import load_opencv

__all__ = ["Problem", "inspect"]

MIN_FRAMES = 2


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A listed clip that cannot be used."""

    entry: Entry
    reason: str

    @property
    def sentence(self) -> str:
        """Which clip, and what is wrong with it."""
        origin = f" ({self.entry.origin})" if self.entry.origin else ""
        return f"{self.entry.path}{origin}: {self.reason}"


def inspect(
    entries: Sequence[Entry],
    labels: Sequence[str],
    *,
    workers: int = 1,
    on_clip: Callable[[int], None] = lambda _: None,
) -> list[Clip | Problem]:
    """A clip or a problem for each entry, in their order.

    Args:
        entries: What a data set lists.
        labels: Names of the classes.
        workers: Threads; OpenCV decodes outside of Python's lock.
        on_clip: Called with 1 for every clip looked at.
    """
    index = {label: i for i, label in enumerate(labels)}
    look = partial(_inspect_one, index=index, num_classes=len(labels))
    results = []
    with ThreadPoolExecutor(workers) as pool:
        for result in pool.map(look, entries):
            on_clip(1)
            results.append(result)
    return results


def _inspect_one(entry: Entry, index: dict[str, int], num_classes: int) -> Clip | Problem:
    label = index.get(entry.label, -1) if isinstance(entry.label, str) else entry.label
    if not 0 <= label < num_classes:
        given = repr(entry.label) if entry.label != "" else "no label"
        return Problem(entry=entry, reason=f"{given} is none of the {num_classes} classes")
    num_frames, reason = _count(entry)
    if reason:
        return Problem(entry=entry, reason=reason)
    if entry.first_frame is not None and entry.num_frames is not None:
        return _segment(entry, label, num_frames)
    return Clip(path=entry.path, label=label, num_frames=num_frames)


def _segment(entry: Entry, label: int, num_recorded: int) -> Clip | Problem:
    """A part of a recording that has `num_recorded` frames."""
    first, count = entry.first_frame or 0, entry.num_frames or 0
    if count < MIN_FRAMES:
        return Problem(entry=entry, reason="has one frame; two are the least" if count else "has no frames")
    if first + count > num_recorded:
        reason = f"ends at frame {first + count} of a recording of {num_recorded}"
        return Problem(entry=entry, reason=reason)
    return Clip(path=entry.path, label=label, num_frames=count, first_frame=first)


def _count(entry: Entry) -> tuple[int, str]:
    """Frames that can be had, and what is wrong, if anything is."""
    path = entry.path
    if not path.exists():
        return 0, "is missing"
    if not path.is_dir():
        count, reason = _count_video(entry)
    else:
        count, reason = _count_pictures(entry)
    if not reason and count < MIN_FRAMES:
        reason = "has one frame; two are the least" if count else "has no frames"
    return count, reason


def _count_pictures(entry: Entry) -> tuple[int, str]:
    pictures = picture_paths(entry.path)
    cv2 = load_opencv()
    broken = next((path for path in pictures if path.stat().st_size == 0), None)
    if broken is None and pictures and cv2.imread(str(pictures[0])) is None:
        broken = pictures[0]
    if broken is not None:
        return 0, f"{broken.name} cannot be decoded"
    if entry.first_frame is None and entry.num_frames is not None and len(pictures) < entry.num_frames:
        return len(pictures), f"has {len(pictures)} of the {entry.num_frames} pictures that the list tells"
    return len(pictures), ""


@lru_cache(maxsize=10_000)
def _decoded_frames(path: Path, _modified: int) -> int:
    """Counted once for all parts of a recording that a list names."""
    return count_video_frames(path)


def _count_video(entry: Entry) -> tuple[int, str]:
    """Decoded frames: containers only estimate their number, and damage shows nowhere else."""
    if entry.path.suffix.lower() not in VIDEO_SUFFIXES:
        return 0, "is neither a video nor a folder of pictures"
    if entry.path.stat().st_size == 0:
        return 0, "is an empty file"
    count = _decoded_frames(entry.path, entry.path.stat().st_mtime_ns)
    return count, "" if count else "cannot be decoded"
