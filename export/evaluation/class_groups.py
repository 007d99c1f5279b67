"""What classes have in common, such as the verb and the object of an action, and how well that is told.

A network with one classifier for actions also tells verbs: a verb's probability is the sum of its actions' ones. So do
the TSM networks of Assembly101, arXiv:2203.14712, which have one classifier of 1380 actions: 24 verbs with 90 objects.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tsm_edge.errors import DataError
from tsm_edge.export.evaluation.clip_results import GroupResult, top

__all__ = ["ClassGroups", "group_result", "read_class_groups"]

SUFFIX = "_cls"


@dataclass(frozen=True, kw_only=True)
class ClassGroups:
    """One way to group a network's classes.

    Attributes:
        name: Such as "verb".
        names: The groups' names.
        of_class: For each class of the network the index of its group.
    """

    name: str
    names: tuple[str, ...]
    of_class: tuple[int, ...]


def read_class_groups(path: Path, labels: Sequence[str]) -> tuple[ClassGroups, ...]:
    """Groups from a csv with a header, such as Assembly101's actions.csv.

    Columns whose names end with `_cls` count; the one that has all of the network's labels names the classes, every
    other one groups them and gives its name, `verb_cls` for verbs.

    Raises:
        DataError: The file cannot be read, no column has the labels, or none is left to group them.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else error
        raise DataError(f"cannot read groups from {path}: {reason}; expected a csv with a header") from error
    columns = {
        name: [row[name] or "" for row in rows]
        for name in (rows[0] if rows else ())
        if name is not None and name.endswith(SUFFIX)
    }
    own = next((name for name, values in columns.items() if set(labels) <= set(values)), None)
    if own is None or len(columns) < 2:
        raise DataError(
            f"{path} does not group the network's {len(labels)} classes; expected a header like "
            f"`action{SUFFIX},verb{SUFFIX},noun{SUFFIX}` and a line for each class by its label"
        )
    line = {label: number for number, label in enumerate(columns[own])}
    return tuple(
        _groups(name.removesuffix(SUFFIX), [values[line[label]] for label in labels])
        for name, values in columns.items()
        if name != own
    )


def group_result(
    groups: ClassGroups, probabilities: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]
) -> GroupResult:
    """How often the group is right, of probabilities (N, num_classes) and classes (N,)."""
    of_class = np.array(groups.of_class)
    summed = np.zeros((len(probabilities), len(groups.names)), np.float32)
    for place, group in enumerate(of_class):
        summed[:, group] += probabilities[:, place]
    return GroupResult(
        name=groups.name,
        num_groups=len(groups.names),
        top1=top(summed, of_class[truth], 1),
        top5=top(summed, of_class[truth], 5),
    )


def _groups(name: str, values: Sequence[str]) -> ClassGroups:
    names = tuple(sorted(set(values)))
    return ClassGroups(name=name, names=names, of_class=tuple(names.index(value) for value in values))
