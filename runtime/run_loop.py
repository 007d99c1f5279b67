"""A video or camera through a bundle: predictions, and where they go."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tsm_edge.errors import UsageError
from tsm_edge.runtime.capture import CapturedFrame, Source, open_source
from tsm_edge.runtime.events import Event
from tsm_edge.runtime.json_lines import JsonLinesWriter
from tsm_edge.runtime.overlay import Annotator
from tsm_edge.runtime.prediction import Prediction
from tsm_edge.runtime.run_summary import RunSummary, RunTally
from tsm_edge.runtime.session import Session
from tsm_edge.runtime.stream import Stream
from tsm_edge.runtime.video_writer import VideoWriter

__all__ = ["predict_captured", "predict_source", "run"]

Sink = Callable[[CapturedFrame, Prediction], None]


def run(
    bundle: str | Path,
    source: str,
    *,
    backend: str = "tvm",
    threads: int | None = None,
    device: str = "auto",
    json_path: str | Path | None = None,
    logits: bool = False,
    output: str | Path | None = None,
    max_frames: int | None = None,
    every: int = 1,
    smoothing: bool = True,
    on_prediction: Callable[[Prediction], None] | None = None,
) -> RunSummary:
    """Predict the frames of `source`, until it ends or Ctrl-C is pressed.

    Args:
        bundle: The bundle's folder.
        source: What `open_source` accepts: a camera, a file, pictures, an address.
        backend: "tvm", "onnxruntime" or "torch".
        threads: How many cores one frame may use; None takes the bundle's default.
        device: "cpu", "gpu", or "auto": a GPU where the bundle has kernels for one and it works, else the CPU.
        json_path: Gets a JSON line per prediction; "-" is standard output.
        logits: The JSON lines hold the raw logits as well.
        output: Gets the annotated video.
        max_frames: End after that many predictions.
        every: Predict every so many frames, the first one included.
        smoothing: False shows every single frame's label.
        on_prediction: Called with every prediction.

    Raises:
        BundleError, SourceError, OutputError, UsageError, MissingDependencyError: As their sources say. The
            files hold what was predicted until then, and are whole.
    """
    _check_counts(max_frames, every)
    with ExitStack() as opened:
        session = opened.enter_context(Session.load(bundle, threads=threads, backend=backend, device=device))
        frames = opened.enter_context(open_source(source))
        tally = RunTally(session, frames)
        sinks: list[Sink] = []
        if output is not None:
            video = opened.enter_context(VideoWriter(Path(output), frames.fps / every))
            sinks.append(_video_sink(video, frames, session.spec.weights_note))
        if json_path is not None:
            lines = opened.enter_context(JsonLinesWriter(json_path, logits=logits))
            sinks.append(lambda _, prediction: lines.write(prediction))
        if on_prediction is not None:
            sinks.append(lambda _, prediction: on_prediction(prediction))
        sinks.append(tally.add)
        stream = session.open_stream(smoothing=smoothing)
        try:
            for captured, prediction in islice(predict_source(stream, frames, every=every), max_frames):
                for sink in sinks:
                    sink(captured, prediction)
        except KeyboardInterrupt:
            tally.interrupted = True
        return tally.summary()


def predict_source(
    stream: Stream, source: Source, *, every: int = 1
) -> Iterator[tuple[CapturedFrame, Prediction]]:
    """Step `stream` with every `every`-th frame of `source`; latencies include "decode".

    The stream is reset where a camera was lost; a gesture that this ended is among the next events.
    """
    ended: tuple[Event, ...] = ()
    for count, captured in enumerate(source):
        if captured.is_restart:
            ended += stream.reset()
        if count % every == 0:
            yield captured, predict_captured(stream, captured, ended)
            ended = ()


def predict_captured(stream: Stream, captured: CapturedFrame, ended: tuple[Event, ...] = ()) -> Prediction:
    """Step `stream` with a captured frame; its index, time, decoding and `ended` join the prediction."""
    prediction = stream.step(captured.image, frame_index=captured.index, timestamp_s=captured.timestamp_s)
    latency_ms = {"decode": captured.decode_ms, **prediction.latency_ms}
    return replace(prediction, events=ended + prediction.events, latency_ms=latency_ms)


def _video_sink(video: VideoWriter, source: Source, weights_note: str) -> Sink:
    annotator = Annotator(weights_note)

    def write(captured: CapturedFrame, prediction: Prediction) -> None:
        annotator.add(prediction)
        picture = annotator.draw(captured.image, prediction, dropped=source.dropped)
        video.write(picture, captured.timestamp_s)

    return write


def _check_counts(max_frames: int | None, every: int) -> None:
    if every < 1 or (max_frames is not None and max_frames < 1):
        raise UsageError(f"every {every} frames, at most {max_frames}: both must be 1 or more")
