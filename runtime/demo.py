"""The webcam demo's loop: capture, predict, draw, show, listen to the keyboard."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import numpy as np

from tsm_edge.runtime.capture import CapturedFrame, Source, open_source
from tsm_edge.runtime.overlay import Annotator
from tsm_edge.runtime.prediction import Prediction
from tsm_edge.runtime.preprocess import UInt8Array
from tsm_edge.runtime.run_loop import predict_captured
from tsm_edge.runtime.run_summary import RunSummary, RunTally
from tsm_edge.runtime.session import Session
from tsm_edge.runtime.stream import Stream
from tsm_edge.runtime.video_writer import VideoWriter
from tsm_edge.runtime.window import Window

__all__ = ["run_demo"]

TITLE = "tsm-edge: q quits, f fills the screen, r resets"
QUIT_KEYS = ("q", "\x1b")  # q and Esc
# Between frames the window still has to answer.
POLL_S = 0.03
NOTE_S = 1.0
LOST_NOTE = "camera lost, trying again"


def run_demo(
    bundle: str | Path,
    source: str,
    *,
    backend: str = "tvm",
    threads: int | None = None,
    headless: bool = False,
    record: str | Path | None = None,
    flip: bool = False,
    max_frames: int | None = None,
    on_prediction: Callable[[Prediction], None] = lambda _: None,
) -> RunSummary:
    """Show the frames of `source` with their predictions until it ends, or q, Esc or Ctrl-C is pressed.

    Args:
        bundle: The bundle's folder.
        source: What `open_source` accepts.
        backend: "tvm", "onnxruntime" or "torch".
        threads: How many cores one frame may use; None takes the bundle's default.
        headless: Open no window.
        record: Gets the annotated video, as it is shown.
        flip: Show the picture as a mirror does; the network still sees it as it is.
        max_frames: End after that many predictions.
        on_prediction: Called with every prediction.

    Raises:
        BundleError, SourceError, OutputError, UsageError, MissingDependencyError: As their sources say.
    """
    with ExitStack() as opened:
        session = opened.enter_context(Session.load(bundle, threads=threads, backend=backend))
        frames = opened.enter_context(open_source(source))
        screen = _Screen(Annotator(session.spec.weights_note), frames, flip=flip)
        if record is not None:
            screen.video = opened.enter_context(VideoWriter(Path(record), frames.fps))
        if not headless:
            screen.window = opened.enter_context(Window(TITLE))
        stream = session.open_stream()
        tally = RunTally(session, frames)
        try:
            while not (frames.ended or screen.is_left or tally.frames == max_frames):
                captured = frames.read(POLL_S)
                if captured is not None:
                    ended = stream.reset() if captured.is_restart else ()
                    prediction = predict_captured(stream, captured, ended)
                    tally.add(captured, prediction)
                    on_prediction(prediction)
                    screen.show(captured, prediction)
                screen.listen(stream)
        except KeyboardInterrupt:
            tally.interrupted = True
        return tally.summary()


class _Screen:
    """What is shown and recorded of one stream, and the keys that are pressed."""

    def __init__(self, annotator: Annotator, source: Source, *, flip: bool) -> None:
        self.window: Window | None = None
        self.video: VideoWriter | None = None
        self.is_left = False
        self._annotator = annotator
        self._source = source
        self._flip = flip
        self._note = ""
        self._note_until_s = 0.0
        self._last: tuple[CapturedFrame, Prediction] | None = None

    def show(self, captured: CapturedFrame, prediction: Prediction) -> None:
        """Draw one more frame; without window and video there is nothing to draw for."""
        self._annotator.add(prediction)
        self._last = (captured, prediction)
        if self.window is None and self.video is None:
            return
        picture = self._picture(captured, prediction)
        if self.video is not None:
            self.video.write(picture, captured.timestamp_s)
        if self.window is not None:
            self.window.show(picture)

    def listen(self, stream: Stream) -> None:
        """Do what the pressed key asks for; say so while the camera is lost."""
        if self.window is None:
            return
        if self._source.is_lost and self._last is not None:
            self.window.show(self._picture(*self._last))
        key = self.window.key().lower()
        if key in QUIT_KEYS:
            self.is_left = True
        elif key == "f":
            self.window.toggle_full_screen()
        elif key == "r":
            stream.reset()
            self._note, self._note_until_s = "reset", monotonic() + NOTE_S

    def _picture(self, captured: CapturedFrame, prediction: Prediction) -> UInt8Array:
        image = np.ascontiguousarray(captured.image[:, ::-1]) if self._flip else captured.image
        note = self._note if monotonic() < self._note_until_s else ""
        return self._annotator.draw(
            image,
            prediction,
            dropped=self._source.dropped,
            note=LOST_NOTE if self._source.is_lost else note,
        )
