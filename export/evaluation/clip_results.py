"""Figures of clips that were scored: counts by class, and each network by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsm_edge.specs import Modality

__all__ = ["ClassResult", "ClipEvaluation", "GroupResult", "MemberResult", "summarise", "top"]

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ClassResult:
    """One class.

    Attributes:
        label: Its name.
        num_clips: How many clips show it.
        recall: Part of them that were recognised; None without clips.
        precision: Part of the clips taken for it that show it; None if none was.
        taken_for: The class that its other clips were taken for most often, or nothing.
    """

    label: str
    num_clips: int
    recall: float | None
    precision: float | None
    taken_for: str


@dataclass(frozen=True, kw_only=True)
class MemberResult:
    """One network of several, by itself.

    Attributes:
        model: Its name.
        modality: What it sees.
        num_segments: Frames of a clip that it sees at once.
        weight: Its part in the average, 0 to 1.
        top1: As of `ClipEvaluation`.
        top5: As of `ClipEvaluation`.
    """

    model: str
    modality: Modality
    num_segments: int
    weight: float
    top1: float
    top5: float


@dataclass(frozen=True, kw_only=True)
class GroupResult:
    """What classes have in common, such as the verb of an action.

    Attributes:
        name: Such as "verb".
        num_groups: How many there are.
        top1: Part of the clips whose group had the largest sum of probabilities.
        top5: Part of them whose group was among the best five.
    """

    name: str
    num_groups: int
    top1: float
    top5: float


@dataclass(frozen=True, kw_only=True)
class ClipEvaluation:
    """How a network, or several together, did.

    Attributes:
        models: Names of the networks whose scores were averaged.
        protocol: See `tsm_edge.export.evaluation.protocols`.
        num_segments: Frames of a clip that each network sees at once.
        num_clips: Clips looked at.
        top1: Part of the clips whose class scored best, 0 to 1.
        top5: Part of them whose class was among the best five.
        classes: Each class by itself.
        confusion: Row i counts what clips of class i were taken for.
        weights_note: What reports say about the weights, such as "untrained weights".
        members: Each network by itself, where there are several.
        groups: What classes have in common, where that was asked for.
    """

    models: tuple[str, ...]
    protocol: str
    num_segments: tuple[int, ...]
    num_clips: int
    top1: float
    top5: float
    classes: tuple[ClassResult, ...]
    confusion: tuple[tuple[int, ...], ...]
    weights_note: str = ""
    members: tuple[MemberResult, ...] = ()
    groups: tuple[GroupResult, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(result.label for result in self.classes)


def summarise(
    scores: Float32Array,
    truth: Int64Array,
    labels: Sequence[str],
    *,
    models: tuple[str, ...],
    protocol: str,
    num_segments: tuple[int, ...],
    weights_note: str = "",
    members: tuple[MemberResult, ...] = (),
    groups: tuple[GroupResult, ...] = (),
) -> ClipEvaluation:
    """Counts from scores (N, num_classes) and class indices (N,)."""
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, _best(scores)[:, 0]), 1)
    return ClipEvaluation(
        models=models,
        protocol=protocol,
        num_segments=num_segments,
        num_clips=len(truth),
        top1=top(scores, truth, 1),
        top5=top(scores, truth, 5),
        classes=tuple(_class_result(confusion, i, labels) for i in range(len(labels))),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        weights_note=weights_note,
        members=members,
        groups=groups,
    )


def _best(scores: Float32Array) -> Int64Array:
    """Classes (N, num_classes), the best first; of equal ones the first."""
    return np.argsort(-scores, axis=1, kind="stable")


def top(scores: Float32Array, truth: Int64Array, num_best: int) -> float:
    """Part of the rows of scores (N, num_classes) whose class (N,) is among the best `num_best`."""
    return float((_best(scores)[:, :num_best] == truth[:, None]).any(1).mean())


def _class_result(confusion: Int64Array, i: int, labels: Sequence[str]) -> ClassResult:
    row, column = confusion[i], confusion[:, i]
    others = row.copy()
    others[i] = 0
    return ClassResult(
        label=labels[i],
        num_clips=int(row.sum()),
        recall=float(row[i] / row.sum()) if row.sum() else None,
        precision=float(row[i] / column.sum()) if column.sum() else None,
        taken_for=labels[int(others.argmax())] if others.any() else "",
    )
