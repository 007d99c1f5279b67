"""Labelled streams, and networks that step them."""

from types import SimpleNamespace

import numpy as np
import pytest
from moving_shapes import moving_shape, write_clip, write_folders

from tsm_edge.errors import DataError
from tsm_edge.export import build_model
from tsm_edge.export.data import open_data
from tsm_edge.export.evaluation import StreamCondition, evaluate_streams
from tsm_edge.export.evaluation.event_metrics import TrueEvent
from tsm_edge.export.evaluation.labelled_streams import LabelledStream, joined_clips, labelled_videos, thinned

SPEC = build_model("mobilenetv2-0.5", labels=("left", "right", "nothing"), image_size=32).spec


class Oracle:
    """A stream that announces `label` with the frame that comes at or after each of `times_s`."""

    def __init__(self, label, times_s):
        self._label, self._left = label, sorted(times_s)

    def step(self, frame, timestamp_s):
        assert frame.dtype == np.uint8
        assert frame.shape[2] == 3
        events = []
        while self._left and timestamp_s >= self._left[0]:
            self._left.pop(0)
            events += [
                SimpleNamespace(kind="ended", label="x"),
                SimpleNamespace(kind="started", label=self._label),
            ]
        return SimpleNamespace(events=tuple(events))

    def close(self):
        pass


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Six seconds, ten frames each."""
    path = tmp_path_factory.mktemp("stream") / "walk.avi"
    write_clip(path, moving_shape("left", np.random.default_rng(0), num_frames=60), fps=10)
    path.with_suffix(".csv").write_text("3.5;4;right\n\n1.0;2.0;left\n")
    return path


def test_labelled_videos_are_read(video):
    (stream,) = labelled_videos(video.parent)
    assert stream.duration_s == pytest.approx(6)
    assert stream.events == (
        TrueEvent(label="left", start_s=1.0, end_s=2.0),
        TrueEvent(label="right", start_s=3.5, end_s=4.0),
    )
    times = [time_s for time_s, _ in stream.frames()]
    assert times == pytest.approx([i / 10 for i in range(60)])


@pytest.mark.parametrize(
    ("line", "words"),
    [("1;2", "is not `start_s;end_s;label`"), ("x;2;a", "is not"), ("3;2;a", "cannot last from 3 to 2")],
)
def test_damaged_tables_are_one_line(video, tmp_path, line, words):
    (tmp_path / "v.avi").write_bytes(video.read_bytes())
    (tmp_path / "v.csv").write_text(f"1;2;a\n{line}\n")
    with pytest.raises(DataError, match=rf"v\.csv:2: .*{words}"):
        labelled_videos(tmp_path)


@pytest.mark.parametrize("suffix", [".avi", ""])
def test_clips_are_joined_with_their_labels(tmp_path, suffix):
    data = open_data(write_folders(tmp_path, 2, ("left", "nothing"), suffix=suffix))
    stream = joined_clips(data.train, data.labels, ("nothing",), seed=3)
    # Twelve frames a clip, twelve a second.
    assert stream.duration_s == pytest.approx(4)
    assert len(stream.events) == 2
    assert all(event.end_s - event.start_s == pytest.approx(1) for event in stream.events)
    frames = list(stream.frames())
    assert [time_s for time_s, _ in frames] == pytest.approx([i / 12 for i in range(48)])
    for event in stream.events:
        place = round(event.start_s)
        assert stream.clips[place].parent.name == "left"
    assert joined_clips(data.train, data.labels, (), seed=3).clips == stream.clips
    assert len(joined_clips(data.train, data.labels, (), seed=3).events) == 4


@pytest.mark.parametrize(
    ("fps", "count"), [(None, 240), (24, 240), (12, 120), (6, 60), (5, 50), (7, 70), (50, 240)]
)
def test_thinned_streams_keep_their_rate(fps, count):
    frames = [(i / 24, np.zeros((1, 1, 3), np.uint8)) for i in range(240)]
    kept = [time_s for time_s, _ in thinned(iter(frames), fps=fps)]
    assert len(kept) == count
    if fps:
        assert np.abs(np.diff(kept) - 1 / min(fps, 24)).max() <= 1 / 24 + 1e-9


def test_lost_frames_follow_from_the_seed():
    frames = [(i / 10, np.zeros((1, 1, 3), np.uint8)) for i in range(1000)]
    kept = [[time_s for time_s, _ in thinned(iter(frames), drop=0.3, seed=seed)] for seed in (0, 0, 1)]
    assert kept[0] == kept[1] != kept[2]
    assert len(kept[0]) == pytest.approx(700, abs=60)


def test_figures_of_every_condition(video):
    streams = labelled_videos(video.parent)
    conditions = [StreamCondition(), StreamCondition(fps=2), StreamCondition(drop=0.5)]
    result = evaluate_streams(lambda: Oracle("left", [1.7, 5.0]), SPEC, "oracle", streams, conditions)
    own, slow, lossy = result.results
    assert (own.frames, own.happened, own.announced) == (60, 2, 2)
    assert (own.precision, own.recall) == (0.5, 0.5)
    assert own.median_delay_s == pytest.approx(-0.3)
    assert own.false_per_hour == pytest.approx(600)
    # Two frames a second: the next one after 1.7 s comes at 2.
    assert slow.frames == 12
    assert slow.median_delay_s == pytest.approx(0)
    assert 20 <= lossy.frames <= 40
    assert result.duration_s == pytest.approx(6)
    assert result.weights_note == "untrained weights"


def test_labels_that_smoothing_hides_are_not_asked_for():
    from dataclasses import replace

    hiding = replace(SPEC, smoothing=replace(SPEC.smoothing, ignore=("right",)))
    events = (TrueEvent(label="right", start_s=0, end_s=1),)
    stream = LabelledStream(name="s", clips=(), events=events, duration_s=1)
    result = evaluate_streams(lambda: Oracle("left", []), hiding, "m", [stream])
    assert result.never_shown == ("right",)
    assert result.results[0].happened == 0


def test_events_without_a_label_are_one_line():
    stream = LabelledStream(
        name="s", clips=(), events=(TrueEvent(label="jump", start_s=0, end_s=1),), duration_s=1
    )
    with pytest.raises(DataError, match="m has no label 'jump'; rename the events"):
        evaluate_streams(lambda: Oracle("left", []), SPEC, "m", [stream])
