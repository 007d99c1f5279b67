"""A run from its first epoch, or from the one that a run before had finished, to its last."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.utils.data import DataLoader, DistributedSampler

from tsm_edge.export.fold import inference_copy
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.training.head_training import clip_features, fit_classifier
from tsm_edge.export.training.learner import Learner
from tsm_edge.export.training.options import TrainingOptions
from tsm_edge.export.training.processes import Process, summed
from tsm_edge.export.training.report import EpochRecord, Listener
from tsm_edge.export.training.training_checkpoint import write_training_checkpoint

__all__ = ["Batches", "train_all", "train_classifier"]

Batches = tuple[DataLoader[tuple[Tensor, Tensor]], "DistributedSampler[tuple[Tensor, int]]"]
Validate = Callable[[ClipModel], float | None]

# Far apart, so that no epoch of one seed draws what an epoch of the next one draws.
_SEED_STEP = 1_000_003
_FITTED_VIEWS = 2


def train_all(
    model: ClipModel,
    batches: Batches,
    options: TrainingOptions,
    process: Process,
    *,
    validate: Validate,
    identity: dict[str, Any],
    path: Path,
    state: dict[str, Any] | None,
    listener: Listener,
    starts_fitted: bool = False,
    freeze_norms: bool = False,
) -> list[EpochRecord]:
    """Train every weight; the model ends up with their moving average.

    Args:
        model: Changed.
        batches: Of this process.
        options: Of the run.
        process: This one.
        validate: Accuracy of a model on the validation clips.
        identity: What a resumed run must have in common with this one.
        path: Where the run's checkpoint is kept.
        state: The checkpoint to go on from, if any.
        listener: Told of every step.
        starts_fitted: Fit the classifier alone before: a random one would spoil what the backbone knows. Kumar et al.,
            Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution, arXiv:2202.10054.
        freeze_norms: Batch norms keep their statistics.

    Raises:
        TrainingError: The loss is no number any more.
        OutputError: The checkpoint cannot be written.
    """
    loader, sampler = batches
    if starts_fitted and state is None:
        _fit(model, batches, options, listener)
    # For the averaged weights; copied first, since the learner hooks dropout into the one that learns.
    shadow = ClipModel(deepcopy(model.backbone).to(process.device), model.spec, model.mode)
    learner = Learner(
        model, options, process, num_steps=options.num_epochs * len(loader), freeze_norms=freeze_norms
    )
    records: list[EpochRecord] = []
    if state is not None:
        learner.load_state_dict(state["learner"])
        records = [EpochRecord(**fields) for fields in state["records"]]
    for epoch in range(len(records), options.num_epochs):
        listener.begin(f"epoch {epoch + 1} of {options.num_epochs}", len(loader))
        sampler.set_epoch(epoch)
        torch.manual_seed(options.seed * _SEED_STEP + epoch * process.world_size + process.rank)
        loss, right, speed = _epoch(learner, loader, process, listener)
        shadow.backbone.load_state_dict(
            learner.average.tensors if options.ema_decay else model.backbone.state_dict()
        )
        found = validate(shadow) if process.is_main else None
        record = EpochRecord(
            epoch=epoch + 1,
            loss=loss,
            train_accuracy=right,
            validation_accuracy=found,
            lr=learner.lr,
            clips_per_s=speed,
        )
        records.append(record)
        if process.is_main:
            kept = {"learner": learner.state_dict(), "records": [asdict(each) for each in records]}
            write_training_checkpoint({**identity, **kept}, path)
        listener.epoch(record)
    model.backbone.load_state_dict(
        learner.average.tensors if options.ema_decay else model.backbone.state_dict()
    )
    return records


def train_classifier(
    model: ClipModel,
    batches: Batches,
    options: TrainingOptions,
    *,
    validate: Validate,
    identity: dict[str, Any],
    path: Path,
    state: dict[str, Any] | None,
    listener: Listener,
) -> list[EpochRecord]:
    """Fit the classifier alone, on one view of each clip per epoch; arguments as of `train_all`."""
    loader, sampler = batches
    views: list[tuple[Tensor, Tensor]] = [tuple(view) for view in state["views"]] if state is not None else []
    start, count = perf_counter(), 0
    seeing = inference_copy(model)
    for epoch in range(len(views), options.num_epochs):
        listener.begin(f"features, view {epoch + 1} of {options.num_epochs}", len(loader))
        sampler.set_epoch(epoch)
        views.append(_view(seeing, _counted(loader, listener)))
        count += len(views[-1][1])
        write_training_checkpoint({**identity, "views": [list(view) for view in views]}, path)
    features, labels = (torch.cat(parts) for parts in zip(*views, strict=True))
    speed = count / (perf_counter() - start)
    loss = fit_classifier(
        model.backbone.classifier, features, labels, label_smoothing=options.label_smoothing
    )
    head = model.backbone.classifier  # on a GPU, perhaps; the features are not
    with torch.inference_mode():
        scores = linear(features, head.weight.cpu(), head.bias.cpu())
    record = EpochRecord(
        epoch=options.num_epochs,
        loss=float(loss),
        train_accuracy=float((scores.argmax(1) == labels).float().mean()),
        validation_accuracy=validate(model),
        lr=0.0,
        clips_per_s=speed,
    )
    listener.epoch(record)
    return [record]


def _epoch(
    learner: Learner, loader: DataLoader[tuple[Tensor, Tensor]], process: Process, listener: Listener
) -> tuple[float, float, float]:
    """Mean loss and part that was right over all processes' clips, and clips a second."""
    loss_sum = right = count = 0.0
    start = perf_counter()
    for clips, labels in loader:
        loss, hits = learner.step(clips, labels)
        loss_sum, right, count = loss_sum + loss * len(labels), right + hits, count + len(labels)
        listener.advance(1, f"loss {loss_sum / count:.3f}, {right / count:.0%} right")
    loss_sum, right, count = summed([loss_sum, right, count], process)
    return loss_sum / count, right / count, count / (perf_counter() - start)


def _fit(model: ClipModel, batches: Batches, options: TrainingOptions, listener: Listener) -> None:
    """The classifier, on views that no epoch shows."""
    loader, sampler = batches
    seeing = inference_copy(model)
    views = []
    for view in range(_FITTED_VIEWS):
        listener.begin(f"features, view {view + 1} of {_FITTED_VIEWS}", len(loader))
        sampler.set_epoch(options.num_epochs + view)
        views.append(_view(seeing, _counted(loader, listener)))
    features, labels = (torch.cat(parts) for parts in zip(*views, strict=True))
    fit_classifier(model.backbone.classifier, features, labels, label_smoothing=options.label_smoothing)


def _view(model: ClipModel, batches: Iterator[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    pairs = [(clip_features(model, clips), labels) for clips, labels in batches]
    return torch.cat([features for features, _ in pairs]), torch.cat([labels for _, labels in pairs])


def _counted(
    loader: DataLoader[tuple[Tensor, Tensor]], listener: Listener
) -> Iterator[tuple[Tensor, Tensor]]:
    for clips, labels in loader:
        yield clips, labels
        listener.advance(1)
