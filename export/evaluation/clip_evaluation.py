"""Clips through one network or several, and how many were right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tsm_edge.errors import DataError, UsageError
from tsm_edge.export.data.clips import Clip, read_frames
from tsm_edge.export.evaluation.protocols import ClipProtocol
from tsm_edge.export.evaluation.scorers import Scorer
from tsm_edge.labels import numbered_labels
from tsm_edge.opencv import load_opencv
from tsm_edge.specs import PreprocessSpec

__all__ = ["ClassResult", "ClipEvaluation", "evaluate_clips", "match_labels", "summarise"]

Float32Array = npt.NDArray[np.float32]
MAX_NAMED = 3


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

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(result.label for result in self.classes)


class _Views(Dataset[tuple[Tensor, int]]):
    """For each clip its views (V, T, S, S, 3) uint8 RGB, and its class."""

    def __init__(
        self, clips: Sequence[Clip], protocol: ClipProtocol, preprocess: PreprocessSpec, num_segments: int
    ) -> None:
        self._clips = clips
        self._protocol = protocol
        self._preprocess = preprocess
        self._num_segments = num_segments

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        clip = self._clips[place]
        rows = self._protocol.indices(clip.num_frames, self._num_segments)
        # Read once what several rows share.
        distinct = sorted({index for row in rows for index in row})
        frames = read_frames(clip.path, distinct)
        views = [
            self._protocol.crops(frames[np.searchsorted(distinct, row)], self._preprocess) for row in rows
        ]
        return torch.from_numpy(np.concatenate(views)), clip.label


def evaluate_clips(
    scorers: Sequence[Scorer],
    clips: Sequence[Clip],
    labels: Sequence[str],
    protocol: ClipProtocol,
    *,
    num_segments: Sequence[int] = (8,),
    workers: int = 0,
    on_clip: Callable[[int], None] = lambda _: None,
) -> ClipEvaluation:
    """Score every clip.

    Args:
        scorers: Networks with the same classes; the probabilities of several are averaged.
        clips: What to look at; their labels are indices into `labels`.
        labels: The data set's classes.
        protocol: How to look.
        num_segments: Frames of a clip seen at once: one number for all networks, or one for each.
        workers: Processes that read clips.
        on_clip: Called with 1 for every clip.

    Raises:
        UsageError: A protocol that a bundle's fixed size cannot follow, networks of different classes, or
            another number of `num_segments` than of networks.
        DataError: Classes that the network does not know, or no clips.
    """
    first = scorers[0]
    _check_scorers(scorers, protocol)
    index = match_labels(labels, first.spec.labels)
    if not clips:
        raise DataError("there are no clips to evaluate on")
    frames = _one_each(num_segments, len(scorers))
    scores = _scores(scorers, clips, protocol, frames, workers, on_clip)
    combined = scores[0] if len(scorers) == 1 else _softmax(scores).mean(0)
    truth = np.array([index[clip.label] for clip in clips])
    return summarise(
        combined,
        truth,
        first.spec.labels,
        models=tuple(scorer.name for scorer in scorers),
        protocol=protocol.name,
        num_segments=frames,
        weights_note=", ".join(sorted({scorer.spec.weights_note for scorer in scorers} - {""})),
    )


def summarise(
    scores: Float32Array,
    truth: npt.NDArray[np.int64],
    labels: Sequence[str],
    *,
    models: tuple[str, ...],
    protocol: str,
    num_segments: tuple[int, ...],
    weights_note: str = "",
) -> ClipEvaluation:
    """Counts from scores (N, num_classes) and class indices (N,)."""
    order = np.argsort(-scores, axis=1, kind="stable")
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, order[:, 0]), 1)
    return ClipEvaluation(
        models=models,
        protocol=protocol,
        num_segments=num_segments,
        num_clips=len(truth),
        top1=float((order[:, 0] == truth).mean()),
        top5=float((order[:, :5] == truth[:, None]).any(1).mean()),
        classes=tuple(_class_result(confusion, i, labels) for i in range(len(labels))),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        weights_note=weights_note,
    )


def match_labels(data: Sequence[str], model: Sequence[str]) -> tuple[int, ...]:
    """For each class of a data set its index in the network's labels.

    Classes that lists only number are taken in the network's order.

    Raises:
        DataError: Classes that the network does not know.
    """
    if tuple(data) == numbered_labels(len(data)) and len(data) <= len(model) and not set(data) & set(model):
        return tuple(range(len(data)))
    unknown = [label for label in data if label not in model]
    if unknown:
        more = f" and {len(unknown) - MAX_NAMED} more" if len(unknown) > MAX_NAMED else ""
        raise DataError(
            f"the network does not know {', '.join(map(repr, unknown[:MAX_NAMED]))}{more}; it knows "
            f"{', '.join(map(repr, model[:MAX_NAMED]))} and others: {len(model)} in all"
        )
    return tuple(list(model).index(label) for label in data)


def _scores(
    scorers: Sequence[Scorer],
    clips: Sequence[Clip],
    protocol: ClipProtocol,
    num_segments: Sequence[int],
    workers: int,
    on_clip: Callable[[int], None],
) -> Float32Array:
    """Logits (networks, clips, classes); networks that look alike at clips share the reading of them."""
    groups: dict[tuple[PreprocessSpec, int], list[int]] = {}
    for place, scorer in enumerate(scorers):
        groups.setdefault((scorer.spec.preprocess, num_segments[place]), []).append(place)
    scores = np.zeros((len(scorers), len(clips), scorers[0].spec.num_classes), np.float32)
    for number, ((preprocess, frames), places) in enumerate(groups.items(), start=1):
        views = _Views(clips, protocol, preprocess, frames)
        loader: DataLoader[tuple[Tensor, int]] = DataLoader(
            views, batch_size=None, num_workers=workers, worker_init_fn=_quiet_worker
        )
        for clip, (seen, _) in enumerate(loader):
            for place in places:
                scores[place, clip] = scorers[place].scores(seen)
            if number == len(groups):
                on_clip(1)
    return scores


def _one_each(num_segments: Sequence[int], num_scorers: int) -> tuple[int, ...]:
    if len(num_segments) == 1:
        return tuple(num_segments) * num_scorers
    if len(num_segments) != num_scorers:
        raise UsageError(
            f"{len(num_segments)} numbers of frames for {num_scorers} networks; give one for all, or one each"
        )
    return tuple(num_segments)


def _class_result(confusion: npt.NDArray[np.int64], i: int, labels: Sequence[str]) -> ClassResult:
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


def _check_scorers(scorers: Sequence[Scorer], protocol: ClipProtocol) -> None:
    for scorer in scorers:
        if protocol.is_full_resolution and not scorer.takes_any_size:
            raise UsageError(
                f"{protocol.name} shows frames of full resolution, {scorer.name} takes "
                f"{scorer.spec.preprocess.crop_size} pixels alone; use 1clip-center, or evaluate the checkpoint"
            )
        if scorer.spec.labels != scorers[0].spec.labels:
            raise UsageError(
                f"{scorer.name} and {scorers[0].name} have different classes; scores cannot be averaged"
            )


def _softmax(logits: Float32Array) -> Float32Array:
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    probabilities: Float32Array = exponentials / exponentials.sum(-1, keepdims=True)
    return probabilities


def _quiet_worker(_: int) -> None:
    load_opencv().setNumThreads(0)
