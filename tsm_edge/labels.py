"""Names of classes, and how the published demo smooths them."""

import re
from pathlib import Path
from typing import Literal, get_args

from tsm_edge.errors import UsageError
from tsm_edge.specs import SmoothingSpec

__all__ = [
    "DATASETS",
    "JESTER_LABELS",
    "JESTER_SMOOTHING",
    "Dataset",
    "dataset_labels",
    "numbered_labels",
    "read_labels",
    "smoothing_for",
]

Dataset = Literal["jester", "kinetics-400", "something-something-v1", "something-something-v2"]
DATASETS: tuple[Dataset, ...] = get_args(Dataset)

# The 20BN-Jester classes in alphabetical order, which is the order of the published online model's logits.
JESTER_LABELS = (
    "Doing other things",
    "Drumming Fingers",
    "No gesture",
    "Pulling Hand In",
    "Pulling Two Fingers In",
    "Pushing Hand Away",
    "Pushing Two Fingers Away",
    "Rolling Hand Backward",
    "Rolling Hand Forward",
    "Shaking Hand",
    "Sliding Two Fingers Down",
    "Sliding Two Fingers Left",
    "Sliding Two Fingers Right",
    "Sliding Two Fingers Up",
    "Stop Sign",
    "Swiping Down",
    "Swiping Left",
    "Swiping Right",
    "Swiping Up",
    "Thumb Down",
    "Thumb Up",
    "Turning Hand Clockwise",
    "Turning Hand Counterclockwise",
    "Zooming In With Full Hand",
    "Zooming In With Two Fingers",
    "Zooming Out With Full Hand",
    "Zooming Out With Two Fingers",
)

# As the published online demo refines its output: it masks the classes that it confuses most.
JESTER_SMOOTHING = SmoothingSpec(
    window=12,
    hysteresis=2,
    merge=(("Doing other things", "No gesture"),),
    ignore=(
        "Pulling Hand In",
        "Rolling Hand Backward",
        "Rolling Hand Forward",
        "Turning Hand Clockwise",
        "Turning Hand Counterclockwise",
    ),
    background=("Doing other things", "No gesture"),
)


# Names, by which classes that mean "nothing happens" are known among one's own.
_NOTHING = frozenset({"no gesture", "doing other things", "nothing", "none", "background", "idle"})


def smoothing_for(labels: tuple[str, ...]) -> SmoothingSpec:
    """The published smoothing for Jester's labels, a plain mean with hysteresis for others."""
    if labels == JESTER_LABELS:
        return JESTER_SMOOTHING
    background = tuple(label for label in labels if re.sub("[_-]+", " ", label).casefold() in _NOTHING)
    return SmoothingSpec(background=background)


def dataset_labels(dataset: Dataset) -> tuple[str, ...]:
    """Names of a dataset's classes in the order of the published networks' logits; see label_lists/SOURCES.md."""
    if dataset == "jester":
        return JESTER_LABELS
    name = "something-something" if dataset.startswith("something") else dataset
    path = Path(__file__).parent / "label_lists" / f"{name}.txt"
    return tuple(path.read_text("utf-8").splitlines())


def numbered_labels(num_classes: int) -> tuple[str, ...]:
    """Stand-ins where nobody told the names: "class 0", "class 1" and so on."""
    return tuple(f"class {i}" for i in range(num_classes))


def read_labels(path: Path) -> tuple[str, ...]:
    """Labels from a UTF-8 text file, one a line, in the order of the logits; empty last lines are dropped.

    Raises:
        UsageError: The file cannot be read, is no text, is empty, or has an empty or repeated line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"cannot read labels from {path}: {reason}; expected one label a line") from error
    labels = tuple(line.strip() for line in text.rstrip().splitlines())
    if not labels:
        raise UsageError(f"{path} is empty; expected one label a line")
    for number, label in enumerate(labels, start=1):
        if not label or label in labels[: number - 1]:
            problem = f"repeats {label!r}" if label else "is empty"
            raise UsageError(f"{path}: line {number} {problem}; expected one label a line, each once")
    return labels
