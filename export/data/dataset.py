"""A data set that was looked at: classes, clips for training and validation, and what had to be left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tsm_edge.errors import DataError
from tsm_edge.export.data.clips import Clip
from tsm_edge.export.data.inspection import Problem, inspect
from tsm_edge.export.data.layouts import list_clips
from tsm_edge.export.data.listing import Listing
from tsm_edge.labels import numbered_labels

__all__ = ["ClipData", "open_data", "split_clips"]

MAX_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class ClipData:
    """Clips that can be used.

    Attributes:
        layout: How the data lies on disk, in a few words.
        labels: Names of the classes, in the order of the logits.
        train: Clips of the training part, or all clips where the data set has no parts.
        validation: Clips of the validation part; empty where the data set has none.
        problems: Clips that were left out.
    """

    layout: str
    labels: tuple[str, ...]
    train: tuple[Clip, ...] = field(repr=False)
    validation: tuple[Clip, ...] = field(repr=False)
    problems: tuple[Problem, ...] = ()


def open_data(
    path: str | Path,
    *,
    strict: bool = False,
    workers: int = 1,
    on_clip: Callable[[int], None] = lambda _: None,
    on_count: Callable[[int], None] = lambda _: None,
) -> ClipData:
    """List and look at the clips of a data set, whatever its layout.

    Args:
        path: A folder or a list file, see `tsm_edge.export.data.layouts`.
        strict: Stop at clips that cannot be used instead of leaving them out.
        workers: Threads that look at clips.
        on_clip: Called with 1 for every clip that was looked at.
        on_count: Called once with how many there are.

    Raises:
        DataError: No layout that is known, no clip that can be used; with `strict` any that cannot.
    """
    listing = list_clips(Path(path))
    labels = _labels(listing)
    on_count(len(listing.entries))
    results = inspect(listing.entries, labels, workers=workers, on_clip=on_clip)
    problems = tuple(result for result in results if isinstance(result, Problem))
    if problems and strict:
        raise DataError(f"{len(problems)} of {len(results)} clips cannot be used: {_named(problems)}")
    parts = {
        part: tuple(
            result
            for entry, result in zip(listing.entries, results, strict=True)
            if isinstance(result, Clip) and (entry.part == "validation") == (part == "validation")
        )
        for part in ("train", "validation")
    }
    if not any(parts.values()):
        raise DataError(f"no clip of {path} can be used: {_named(problems) or 'the lists are empty'}")
    return ClipData(layout=listing.layout, labels=labels, **parts, problems=problems)


def split_clips(
    clips: Sequence[Clip], fraction: float, seed: int
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Put `fraction` of every class's clips aside, drawn by `seed`; at least one of a class that has two.

    Returns:
        The clips to train on and those to validate on, both in the order given.
    """
    rng = np.random.default_rng(seed)
    aside: set[int] = set()
    for label in sorted({clip.label for clip in clips}):
        own = [i for i, clip in enumerate(clips) if clip.label == label]
        count = min(len(own) - 1, max(1, round(fraction * len(own)))) if fraction > 0 else 0
        aside.update(int(i) for i in rng.permutation(own)[:count])
    train = tuple(clip for i, clip in enumerate(clips) if i not in aside)
    return train, tuple(clip for i, clip in enumerate(clips) if i in aside)


def _labels(listing: Listing) -> tuple[str, ...]:
    """The names; numbers where lists give indices alone."""
    if listing.labels:
        return listing.labels
    indices = [entry.label for entry in listing.entries if isinstance(entry.label, int)]
    if not indices:
        raise DataError("the lists name no class; expected a label for each clip")
    return numbered_labels(max(indices) + 1)


def _named(problems: Sequence[Problem]) -> str:
    more = f"; and {len(problems) - MAX_NAMED} more" if len(problems) > MAX_NAMED else ""
    return "; ".join(problem.sentence for problem in problems[:MAX_NAMED]) + more
