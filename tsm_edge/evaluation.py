"""Evaluating whatever holds a network: a bundle, an ONNX file, a checkpoint. The one place that joins both halves.

Neither half is imported before it is needed, so that what imports this module does not wait for PyTorch.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tsm_edge.errors import DataError, MissingDependencyError, UsageError
from tsm_edge.specs import FlowMethod, ModelSpec

if TYPE_CHECKING:
    from tsm_edge.export.data import Clip, ClipData
    from tsm_edge.export.evaluation import ClipEvaluation, Scorer, StreamCondition, StreamEvaluation
    from tsm_edge.runtime import Stream

__all__ = ["Candidate", "Split", "evaluate", "evaluate_stream", "host_half", "open_candidate"]

Split = Literal["auto", "train", "validation", "all"]


@contextmanager
def host_half() -> Iterator[None]:
    """Within it a package of the host half that is missing is an error of one line.

    Raises:
        MissingDependencyError: It is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"evaluating needs {error.name}, which is missing; run `pip install 'tsm-edge[export]'`"
        ) from error


@dataclass(frozen=True)
class Candidate:
    """A network that can be evaluated.

    Attributes:
        name: The path or name that was given.
        spec: What it is.
        open_stream: A new stream of the runtime on it.
        scorer: Makes what scores whole clips.
    """

    name: str
    spec: ModelSpec
    open_stream: Callable[[], "Stream"] = field(repr=False)
    scorer: Callable[[], "Scorer"] = field(repr=False)


def open_candidate(
    path: str,
    *,
    backend: str = "tvm",
    threads: int | None = None,
    device: str = "auto",
    flow_method: FlowMethod | None = None,
) -> Candidate:
    """Open a bundle's folder, an ONNX file that `tsm-edge export` wrote, or a checkpoint.

    Args:
        path: The folder or file, "default" for the model that is shipped, or a published checkpoint's name.
        backend: What runs a bundle: "tvm", "onnxruntime" or "torch".
        threads: None takes the bundle's default, 1 for ONNX files, PyTorch's own for checkpoints.
        device: Where a checkpoint runs: "auto", "cpu" or "cuda".
        flow_method: What computes a network's optical flow; None takes what it learned with.

    Raises:
        BundleError, CheckpointError, MissingDependencyError, UsageError: As their sources say.
    """
    if Path(path).is_dir():
        return _open_bundle(path, backend, threads)
    if path.endswith(".onnx"):
        return _open_onnx(Path(path), threads or 1)
    return _open_checkpoint(path, threads, device, flow_method)


@host_half()
def evaluate(
    candidates: Sequence[Candidate],
    data: str | Path,
    *,
    protocol: str = "1clip-center",
    num_segments: Sequence[int] = (),
    weights: Sequence[float] = (),
    groups: Path | None = None,
    split: Split = "auto",
    strict: bool = False,
    workers: int = 0,
    on_count: Callable[[int], None] = lambda _: None,
    on_clip: Callable[[int], None] = lambda _: None,
) -> "tuple[ClipEvaluation, ClipData]":
    """Score the clips of a data set; the probabilities of several networks are averaged.

    Args:
        candidates: Networks with the same classes, on RGB or on optical flow.
        data: A folder or list file, see `tsm_edge.export.data.layouts`.
        protocol: See `tsm_edge.export.evaluation.protocols`.
        num_segments: Frames of a clip seen at once: one number for all networks, or one for each; by default what
            each says that it reads best.
        weights: Each network's weight in the average; equal ones by default.
        groups: A csv of what classes have in common, see `tsm_edge.export.evaluation.class_groups`.
        split: The part of the data set; "auto" takes its validation part, or all where it has none.
        strict: Stop at clips that cannot be used instead of leaving them out.
        workers: Processes that read clips.
        on_count: Called with how many clips there are, before they are looked at and before they are scored.
        on_clip: Called with 1 for each of them.

    Raises:
        DataError, UsageError: As their sources say.
    """
    from tsm_edge.export.data import open_data
    from tsm_edge.export.evaluation import clip_protocol, evaluate_clips
    from tsm_edge.export.training.memory import keep_freed_memory

    keep_freed_memory()
    chosen = clip_protocol(protocol)
    found = open_data(data, strict=strict, on_count=on_count, on_clip=on_clip)
    clips = chosen_clips(found, split, data)
    on_count(len(clips))
    scorers = [candidate.scorer() for candidate in candidates]
    result = evaluate_clips(
        scorers,
        clips,
        found.labels,
        chosen,
        num_segments=num_segments,
        weights=weights,
        groups=groups,
        workers=workers,
        on_clip=on_clip,
    )
    return result, found


@host_half()
def evaluate_stream(
    candidate: Candidate,
    data: str | Path,
    conditions: "Sequence[StreamCondition]",
    *,
    split: Split = "auto",
    strict: bool = False,
    seed: int = 0,
    on_frame: Callable[[int], None] = lambda _: None,
) -> "StreamEvaluation":
    """Stream labelled videos, or a data set's clips one after another, and match what is announced.

    Args:
        candidate: The network; whatever it learned with, it is run online.
        data: A folder of videos with a csv each, see `tsm_edge.export.evaluation.labelled_streams`, or a data set.
        conditions: Frame rates and losses to try.
        split: The part of a data set.
        strict: Stop at clips that cannot be used instead of leaving them out.
        seed: Of the clips' order and of frames that are lost.
        on_frame: Called with 1 for every frame.

    Raises:
        DataError: No streams there, or labels that the network lacks.
    """
    from tsm_edge.export.data import open_data
    from tsm_edge.export.evaluation.labelled_streams import joined_clips, labelled_videos
    from tsm_edge.export.evaluation.stream_evaluation import evaluate_streams

    streams = labelled_videos(Path(data))
    if not streams:
        found = open_data(data, strict=strict)
        clips = chosen_clips(found, split, data)
        background = candidate.spec.smoothing.background
        streams = (joined_clips(clips, found.labels, background, seed),)
    return evaluate_streams(
        candidate.open_stream,
        candidate.spec,
        candidate.name,
        streams,
        conditions,
        seed=seed,
        on_frame=on_frame,
    )


def chosen_clips(found: "ClipData", split: Split, data: str | Path) -> "tuple[Clip, ...]":
    """The clips of one part.

    Raises:
        DataError: The data set has no such part.
    """
    if split == "all":
        return (*found.train, *found.validation)
    if split == "auto":
        return found.validation or found.train
    clips = found.validation if split == "validation" else found.train
    if not clips:
        raise DataError(f"{data} names no {split} part; give --split all")
    return clips


def _open_bundle(path: str, backend: str, threads: int | None) -> Candidate:
    from tsm_edge.runtime import Session

    session = Session.load(path, threads=threads, backend=backend)
    return _streaming(path, session.spec, session.open_stream)


def _open_onnx(path: Path, threads: int) -> Candidate:
    from tsm_edge.runtime import Stream
    from tsm_edge.runtime.backends.onnxruntime_backend import open_file

    opened = open_file(path, threads)
    return _streaming(str(path), opened.spec, lambda: Stream(opened.open_stream, opened.spec))


def _streaming(name: str, spec: ModelSpec, open_stream: Callable[[], "Stream"]) -> Candidate:
    def scorer() -> "Scorer":
        from tsm_edge.export.evaluation import StreamScorer

        return StreamScorer(open_stream, spec, name)

    return Candidate(name, spec, open_stream, scorer)


@host_half()
def _open_checkpoint(
    path: str, threads: int | None, device: str, flow_method: FlowMethod | None
) -> Candidate:
    import torch

    from tsm_edge.export import open_model
    from tsm_edge.export.checkpoint_spec import with_flow_method
    from tsm_edge.export.evaluation import ModelScorer
    from tsm_edge.export.torch_backend import TorchStream
    from tsm_edge.runtime import Stream

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("PyTorch finds no GPU here; give --device cpu")
    where = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    if threads is not None:
        torch.set_num_threads(threads)
    model = open_model(None, path, None)
    if flow_method is not None:
        model.spec = with_flow_method(model.spec, flow_method)
    return Candidate(
        path,
        model.spec,
        lambda: Stream(lambda: TorchStream(model.streaming().eval()), model.spec),
        lambda: ModelScorer(model, path, where),
    )
