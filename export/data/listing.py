"""What a data set says of itself before a clip is opened: names of classes, and which clip belongs to which."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["Entry", "Listing", "Part"]

Part = Literal["train", "validation"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One clip as a data set lists it.

    Attributes:
        path: Where it should lie, without a video's ending where the data set does not tell it.
        label: The class's name, or its index as the list gives it.
        num_frames: What the list says, to see that no frame is missing; None where it does not.
        first_frame: Where the clip begins in a longer recording, from 0; None if the recording is the clip.
        part: Which part it is in; None if the data set has no parts.
        origin: The file and line that name it, for messages.
    """

    path: Path
    label: str | int
    num_frames: int | None = None
    first_frame: int | None = None
    part: Part | None = None
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All clips of a data set.

    Attributes:
        layout: The layout in a few words, for messages.
        labels: Names of the classes, in the order of the logits; empty if only indices are known.
        entries: The clips.
    """

    layout: str
    labels: tuple[str, ...]
    entries: tuple[Entry, ...] = field(repr=False)
