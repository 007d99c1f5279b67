import json
import time
from functools import partial

import numpy as np
import pytest
from tiny_video import write_video

from tsm_edge.errors import OutputError, SourceError, UsageError
from tsm_edge.runtime.capture import CapturedFrame, open_source
from tsm_edge.runtime.capture.source import Source
from tsm_edge.runtime.capture.video_file import VideoFile
from tsm_edge.runtime.run_loop import predict_source, run

# Black, then white, then black again: a gesture starts and ends.
LEVELS = [0] * 6 + [255] * 8 + [0] * 10


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "gesture.avi", LEVELS)


@pytest.fixture
def run_tiny(tiny_path, video):
    return partial(run, tiny_path, str(video), backend="onnxruntime")


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_frame_is_predicted_and_counted(run_tiny, tmp_path, session, video):
    summary = run_tiny(json_path=tmp_path / "out.jsonl", logits=True, output=tmp_path / "out.mp4")
    lines = records(tmp_path / "out.jsonl")
    assert [line["frame"] for line in lines] == list(range(len(LEVELS)))
    np.testing.assert_allclose(
        [line["timestamp_s"] for line in lines], np.arange(len(LEVELS)) / 10, atol=1e-3
    )
    assert all(set(line["latency_ms"]) == {"decode", "preprocess", "infer", "postprocess"} for line in lines)
    stream = session.open_stream()
    with open_source(str(video)) as source:
        expected = [stream.step(frame.image).logits for frame in source]
    np.testing.assert_array_equal(np.array([line["logits"] for line in lines], np.float32), expected)
    with VideoFile(tmp_path / "out.mp4") as annotated:
        assert len(list(annotated)) == len(LEVELS)
        assert annotated.fps == pytest.approx(10)
    assert (summary.frames, summary.dropped, summary.interrupted) == (len(LEVELS), 0, False)
    assert sum(summary.labels.values()) == len(LEVELS)
    assert all(value > 0 for value in summary.latency_ms.values())


def test_gesture_is_in_the_lines_and_in_the_summary(run_tiny, tmp_path):
    summary = run_tiny(json_path=tmp_path / "out.jsonl")
    lines = records(tmp_path / "out.jsonl")
    events = [line["event"] for line in lines if line["event"]]
    assert [(event["kind"], event["label"]) for event in events] == [
        ("started", "Stop Sign"),
        ("ended", "Stop Sign"),
    ]
    assert all(lines[event["frame"]]["event"] == event for event in events)
    assert summary.gestures == 1
    assert set(summary.labels) == {"No gesture", "Stop Sign"}


def test_some_frames_only(run_tiny, tmp_path):
    run_tiny(json_path=tmp_path / "out.jsonl", every=5, max_frames=3)
    assert [line["frame"] for line in records(tmp_path / "out.jsonl")] == [0, 5, 10]


def test_without_smoothing_the_frames_label_is_shown(run_tiny, tmp_path):
    run_tiny(json_path=tmp_path / "out.jsonl", smoothing=False)
    assert all(line["label"] == line["smoothed_label"] for line in records(tmp_path / "out.jsonl"))


@pytest.mark.parametrize("counts", [{"every": 0}, {"max_frames": 0}])
def test_counts_below_one_are_refused(run_tiny, counts):
    with pytest.raises(UsageError, match="1 or more"):
        run_tiny(**counts)


def test_interrupt_keeps_what_was_predicted(run_tiny, tmp_path):
    def stop(prediction):
        if prediction.frame == 4:
            raise KeyboardInterrupt

    summary = run_tiny(json_path=tmp_path / "out.jsonl", output=tmp_path / "out.mp4", on_prediction=stop)
    assert summary.interrupted
    assert [line["frame"] for line in records(tmp_path / "out.jsonl")] == [0, 1, 2, 3, 4]
    with VideoFile(tmp_path / "out.mp4") as annotated:
        assert len(list(annotated)) == 5


def test_nothing_is_written_before_source_and_names_are_right(tiny_path, video, tmp_path):
    for source, output, error in (
        (tmp_path / "no.mp4", "out.mp4", SourceError),
        (video, "out.txt", UsageError),
    ):
        with pytest.raises(error):
            run(
                tiny_path,
                str(source),
                backend="onnxruntime",
                json_path=tmp_path / "out.jsonl",
                output=tmp_path / output,
            )
    assert [file.name for file in tmp_path.iterdir()] == [video.name]


def test_full_disk_ends_the_run_in_one_line(run_tiny):
    with pytest.raises(OutputError, match="/dev/full"):
        run_tiny(json_path="/dev/full")


def test_slow_consumer_of_a_camera_drops_frames(tiny_path, video):
    summary = run(
        tiny_path,
        f"live+{video}",
        backend="onnxruntime",
        on_prediction=lambda _: time.sleep(0.25),
        max_frames=4,
    )
    assert summary.frames == 4
    assert summary.dropped > 0


class Interrupted(Source):
    """White frames from a camera that was lost before some of them."""

    name, is_live, fps = "interrupted", True, 10.0

    def __init__(self, restarts):
        self._restarts = list(restarts)
        self._index = 0

    @property
    def ended(self):
        return not self._restarts

    def read(self, timeout_s=None):
        if self.ended:
            return None
        self._index += 1
        return CapturedFrame(
            image=np.full((40, 40, 3), 255, np.uint8),
            index=self._index - 1,
            timestamp_s=0.1 * self._index,
            decode_ms=0.0,
            is_restart=self._restarts.pop(0),
        )

    def close(self):
        self._restarts = []


@pytest.mark.parametrize("every", [1, 2])
def test_lost_camera_resets_the_stream(session, every):
    heard = []
    stream = session.open_stream(on_event=heard.append)
    restarts = [False] * 6 + [False, True] + [False] * 6
    predictions = [prediction for _, prediction in predict_source(stream, Interrupted(restarts), every=every)]
    kinds = [event.kind for event in heard]
    assert kinds == ["started", "ended", "started"]
    told = [event for prediction in predictions for event in prediction.events]
    assert told == heard
    after = next(i for i, prediction in enumerate(predictions) if prediction.frame >= 7)
    np.testing.assert_array_equal(predictions[after].logits, predictions[0].logits)
