"""Clips through one network or several, and how many were right."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tsm_edge.errors import DataError, UsageError
from tsm_edge.export.data.clips import Clip
from tsm_edge.export.data.optical_flow import check_flow_method
from tsm_edge.export.evaluation.class_groups import group_result, read_class_groups
from tsm_edge.export.evaluation.clip_results import ClipEvaluation, MemberResult, summarise, top
from tsm_edge.export.evaluation.clip_scores import clip_scores
from tsm_edge.export.evaluation.fusion import fused, probabilities, weight_parts
from tsm_edge.export.evaluation.protocols import ClipProtocol
from tsm_edge.export.evaluation.scorers import Scorer
from tsm_edge.labels import numbered_labels

__all__ = ["evaluate_clips", "match_labels"]

MAX_NAMED = 3


def evaluate_clips(
    scorers: Sequence[Scorer],
    clips: Sequence[Clip],
    labels: Sequence[str],
    protocol: ClipProtocol,
    *,
    num_segments: Sequence[int] = (),
    weights: Sequence[float] = (),
    groups: Path | None = None,
    workers: int = 0,
    on_clip: Callable[[int], None] = lambda _: None,
) -> ClipEvaluation:
    """Score every clip.

    Args:
        scorers: Networks with the same classes; the probabilities of several are averaged.
        clips: What to look at; their labels are indices into `labels`.
        labels: The data set's classes.
        protocol: How to look.
        num_segments: Frames of a clip seen at once: one number for all networks, or one for each; by default what
            each says that it reads best.
        weights: Each network's weight in the average, above 0; equal ones by default.
        groups: What classes have in common, see `read_class_groups`.
        workers: Processes that read clips.
        on_clip: Called with 1 for every clip.

    Raises:
        UsageError: A protocol that a bundle's fixed size cannot follow, networks of different classes, or
            another number of `num_segments` or `weights` than of networks.
        DataError: Classes that the network does not know, or no clips.
        MissingDependencyError: Flow by a method that is not installed.
    """
    first = scorers[0]
    _check_scorers(scorers, protocol)
    index = match_labels(labels, first.spec.labels)
    if not clips:
        raise DataError("there are no clips to evaluate on")
    frames = _one_each(num_segments, scorers)
    parts = weight_parts(weights, len(scorers))
    grouped = read_class_groups(groups, first.spec.labels) if groups is not None else ()
    scores = clip_scores(scorers, clips, protocol, frames, workers, on_clip)
    truth = np.array([index[clip.label] for clip in clips])
    combined = fused(scores, parts)
    shares = combined if len(scorers) > 1 else probabilities(combined)
    return summarise(
        combined,
        truth,
        first.spec.labels,
        models=tuple(scorer.name for scorer in scorers),
        protocol=protocol.name,
        num_segments=frames,
        weights_note=", ".join(sorted({scorer.spec.weights_note for scorer in scorers} - {""})),
        members=tuple(
            MemberResult(
                model=scorer.name,
                modality=scorer.spec.preprocess.modality,
                num_segments=frames[i],
                weight=parts[i],
                top1=top(scores[i], truth, 1),
                top5=top(scores[i], truth, 5),
            )
            for i, scorer in enumerate(scorers)
            if len(scorers) > 1
        ),
        groups=tuple(group_result(each, shares, truth) for each in grouped),
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


def _one_each(num_segments: Sequence[int], scorers: Sequence[Scorer]) -> tuple[int, ...]:
    if not num_segments:
        return tuple(scorer.spec.num_segments for scorer in scorers)
    if len(num_segments) == 1:
        return tuple(num_segments) * len(scorers)
    if len(num_segments) != len(scorers):
        raise UsageError(
            f"{len(num_segments)} numbers of frames for {len(scorers)} networks; give one for all, or one each"
        )
    return tuple(num_segments)


def _check_scorers(scorers: Sequence[Scorer], protocol: ClipProtocol) -> None:
    for scorer in scorers:
        if scorer.spec.preprocess.flow is not None:
            check_flow_method(scorer.spec.preprocess.flow.method)
        if protocol.is_full_resolution and not scorer.takes_any_size:
            raise UsageError(
                f"{protocol.name} shows frames of full resolution, {scorer.name} takes "
                f"{scorer.spec.preprocess.crop_size} pixels alone; use 1clip-center, or evaluate the checkpoint"
            )
        if scorer.spec.labels != scorers[0].spec.labels:
            raise UsageError(
                f"{scorer.name} and {scorers[0].name} have different classes; scores cannot be averaged"
            )
