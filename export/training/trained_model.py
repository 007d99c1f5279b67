"""From a data set to a trained model, in one call."""

from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from tsm_edge.cache import cache_directory
from tsm_edge.errors import DataError, UsageError
from tsm_edge.export.checkpoint import save_checkpoint
from tsm_edge.export.checkpoint_spec import name_of_file
from tsm_edge.export.data.clips import Clip
from tsm_edge.export.data.dataset import ClipData, open_data, split_clips
from tsm_edge.export.data.frame_cache import FrameCache, decoded_bytes
from tsm_edge.export.data.loading import Augmentation, TestClips, TrainClips, epoch_loader, test_loader
from tsm_edge.export.data.optical_flow import check_flow_method
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.training.initial_weights import NEW_CLASSIFIER, RANDOM, initial_model
from tsm_edge.export.training.memory import keep_freed_memory
from tsm_edge.export.training.options import FEW_CLIPS, TrainingOptions
from tsm_edge.export.training.processes import Process, joined_processes
from tsm_edge.export.training.report import Listener, TrainingReport
from tsm_edge.export.training.run import Batches, train_all, train_classifier
from tsm_edge.export.training.training_checkpoint import checkpoint_path, read_training_checkpoint
from tsm_edge.export.training.validation import accuracy

__all__ = ["train"]

GIB = 2**30


def train(
    data: str | Path,
    output: str | Path,
    options: TrainingOptions | None = None,
    *,
    init: str | Path | None = None,
    model: str | None = None,
    device: str = "auto",
    resume: bool = False,
    strict: bool = False,
    cache_gib: float = 8.0,
    listener: Listener | None = None,
) -> TrainingReport:
    """Train a network on a data set's clips and write it, with its labels, as safetensors.

    A checkpoint is kept beside the output after every epoch. A run that was killed and is resumed ends with the same
    weights, bit for bit, on the same kind of processor with as many threads.

    Args:
        data: A folder or list file, see `tsm_edge.export.data.layouts`.
        output: The model, such as model.safetensors.
        options: The settings; by default those of `TrainingOptions`.
        init: What to start from, see `initial_model`.
        model: A key of `MODELS`.
        device: "auto", "cpu" or "cuda".
        resume: Go on where a run for the same output was stopped; begin if there is none.
        strict: Stop at clips that cannot be used instead of leaving them out.
        cache_gib: Keep decoded videos in the user's cache if all of them take no more than this.
        listener: Told of every step.

    Raises:
        DataError: No layout that is known, or no clips of two classes.
        MissingDependencyError: Flow by a method that is not installed.
        UsageError: Settings that fit neither each other nor the checkpoint of the run that is resumed.
        CheckpointError, TrainingError, OutputError: As their sources say.
    """
    options, output, listener = options or TrainingOptions(), Path(output), listener or Listener()
    start = perf_counter()
    _check_output(output, resume)
    if options.modality == "flow":
        check_flow_method(options.flow_method)
    with joined_processes(device) as process:
        if process.device.type == "cpu":
            keep_freed_memory()
        if options.freeze_backbone and process.world_size > 1:
            raise UsageError("--freeze-backbone takes one process; start it without torchrun")
        found = _open(data, strict, listener)
        training, validation = _parts(found, options)
        network, words = initial_model(
            init,
            found.labels,
            name=name_of_file(output),
            model=model,
            image_size=options.image_size,
            mode=options.mode,
            flow=options.flow,
            seed=options.seed,
        )
        network.spec = replace(network.spec, num_segments=options.num_segments)
        if options.freeze_backbone and words == RANDOM:
            raise UsageError("--freeze-backbone keeps random weights, which see nothing; give --init FILE")
        listener.announce(f"{len(training)} clips to learn, {len(validation)} to validate; from {words}")
        identity = _identity(options, found, training, validation, network, words, process)
        path = checkpoint_path(output)
        state = _resumed(path, identity) if resume and path.is_file() else None
        cache = _cache([*training, *validation], network, cache_gib, listener)
        records = _run(
            network, training, validation, cache, options, process, identity, path, state, listener, words
        )
        if process.is_main:
            save_checkpoint(network.cpu(), output)
        return TrainingReport(
            output=output,
            model=network.spec.name,
            modality=options.modality,
            start=words,
            layout=found.layout,
            labels=found.labels,
            num_train=len(training),
            num_validation=len(validation),
            problems=tuple(problem.sentence for problem in found.problems),
            epochs=tuple(records),
            seconds=perf_counter() - start,
            resumed_at=len(state.get("records", state.get("views", ()))) if state else 0,
        )


def _run(
    network: ClipModel,
    training: tuple[Clip, ...],
    validation: tuple[Clip, ...],
    cache: FrameCache,
    options: TrainingOptions,
    process: Process,
    identity: dict[str, Any],
    path: Path,
    state: dict[str, Any] | None,
    listener: Listener,
    words: str,
) -> Any:
    workers = _workers(options, process)
    batches = _batches(network, training, cache, options, process, workers)
    preprocess = network.spec.preprocess
    tests = TestClips(validation, preprocess, cache, num_segments=options.num_segments)
    test_batches = test_loader(tests, batch_size=options.batch_size, workers=workers)
    settings: dict[str, Any] = {
        "validate": lambda candidate: accuracy(candidate, test_batches),
        "identity": identity,
        "path": path,
        "state": state,
        "listener": listener,
    }
    network.to(process.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if options.freeze_backbone:
        return train_classifier(network, batches, options, **settings)
    few = len(training) < FEW_CLIPS and words != RANDOM and options.modality == "rgb"
    return train_all(
        network,
        batches,
        options,
        process,
        **settings,
        starts_fitted=few and NEW_CLASSIFIER in words and process.world_size == 1,
        freeze_norms=few if options.freeze_norms is None else options.freeze_norms,
    )


def _batches(
    network: ClipModel,
    training: tuple[Clip, ...],
    cache: FrameCache,
    options: TrainingOptions,
    process: Process,
    workers: int,
) -> Batches:
    clips = TrainClips(
        training,
        network.spec.labels,
        network.spec.preprocess,
        cache,
        num_segments=options.num_segments,
        sampling=options.sampling,
        augmentation=Augmentation(colour_jitter=options.colour_jitter, flip=options.flip),
        seed=options.seed,
    )
    return epoch_loader(
        clips,
        batch_size=options.batch_size,
        seed=options.seed,
        workers=workers,
        rank=process.rank,
        world_size=process.world_size,
    )


def _check_output(output: Path, resume: bool) -> None:
    if output.suffix != ".safetensors":
        raise UsageError(f"cannot write a model to {output}: its name must end with .safetensors")
    path = checkpoint_path(output)
    if not resume and path.is_file() and not output.is_file():
        raise UsageError(f"{path} is an unfinished run for {output}; give --resume, or delete it")


def _open(data: str | Path, strict: bool, listener: Listener) -> ClipData:
    found = open_data(
        data,
        strict=strict,
        workers=_num_cores(),
        on_count=lambda count: listener.begin("look at clips", count),
        on_clip=listener.advance,
    )
    if len({clip.label for clip in found.train}) < 2:
        raise DataError(f"{data} has clips of one class alone; two are the least that can be told apart")
    return found


def _parts(found: ClipData, options: TrainingOptions) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    if found.validation:
        return found.train, found.validation
    return split_clips(found.train, options.validation_fraction, options.seed)


def _identity(
    options: TrainingOptions,
    found: ClipData,
    training: tuple[Clip, ...],
    validation: tuple[Clip, ...],
    network: ClipModel,
    words: str,
    process: Process,
) -> dict[str, Any]:
    """All that decides what is learned, as plain values."""
    clips = sha256()
    for clip in (*training, None, *validation):
        clips.update(
            f"{clip and (clip.path.resolve(), clip.label, clip.num_frames, *_segment(clip))}\n".encode()
        )
    spec = network.spec
    return {
        "options": asdict(replace(options, workers=None)),
        "clips": clips.hexdigest(),
        "labels": list(found.labels),
        "network": f"{spec.architecture} {spec.width_mult:g}, {words}",
        "processes": process.world_size,
    }


def _segment(clip: Clip) -> tuple[int, ...]:
    return () if clip.first_frame is None else (clip.first_frame,)


def _resumed(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint's state, if it belongs to the same run."""
    state = read_training_checkpoint(path)
    # An option that the version before did not have is at its default.
    kept = {**asdict(TrainingOptions()), **state, **state["options"]}
    wanted = {**identity["options"], **identity}
    del wanted["options"]
    for name, value in wanted.items():
        if kept.get(name) != value:
            shown = "other ones" if name in ("clips", "labels") else f"{kept.get(name)!r}, not {value!r}"
            raise UsageError(
                f"{path} was begun with {name.replace('_', ' ')}: {shown}; give the same, or delete the file"
            )
    return state


def _cache(clips: list[Clip], network: ClipModel, limit_gib: float, listener: Listener) -> FrameCache:
    short_side, flow = network.spec.preprocess.resize_short_side, network.spec.preprocess.flow
    size = decoded_bytes(clips, short_side, flow)
    fits = size <= limit_gib * GIB
    if not fits:
        what = "videos are decoded" if flow is None else "optical flow is computed"
        listener.announce(
            f"{what} anew in every epoch: kept it would take {size / GIB:.0f} GiB, allowed are {limit_gib:g}"
        )
    return FrameCache(cache_directory() / "clips" if fits else None, short_side, flow)


def _workers(options: TrainingOptions, process: Process) -> int:
    """Reading is little work beside learning on processors; a GPU wants to be fed."""
    if options.workers is not None:
        return options.workers
    cores = max(1, _num_cores() // process.world_size)
    return min(8, cores) if process.device.type == "cuda" else min(2, cores // 2)


def _num_cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
