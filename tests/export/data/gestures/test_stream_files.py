from collections import Counter

import pytest

from tsm_edge.export.data.gestures import GESTURE_LABELS, GestureGenerator
from tsm_edge.export.data.gestures.scripts import BACKGROUND, script
from tsm_edge.export.data.gestures.stream_files import write_streams
from tsm_edge.export.evaluation.labelled_streams import labelled_videos


def test_scripts_show_every_gesture_as_often_as_possible():
    shown = Counter(label for number in range(3) for label in script(number, 28, seed=4))
    gestures = {label: count for label, count in shown.items() if GESTURE_LABELS[label] not in BACKGROUND}
    assert set(gestures.values()) == {6}
    assert len(gestures) == 14
    assert shown[1] > shown[0] > 0
    assert script(0, 28, seed=4) == script(0, 28, seed=4) != script(1, 28, seed=4)


def test_scripts_know_some_gestures_alone_or_none():
    labels = ("No gesture", "Doing other things", "Thumb Up")
    assert script(0, 3, labels=labels).count(GESTURE_LABELS.index("Thumb Up")) == 3
    quiet = script(1, 0)
    assert len(quiet) == 10
    assert {GESTURE_LABELS[label] for label in quiet} <= set(BACKGROUND)


def test_streams_are_written_as_evaluation_reads_them(tmp_path):
    generator = GestureGenerator("bright", seed=4, size=32, fps=(6, 6))
    write_streams(tmp_path / "streams", generator, 2, start=2, gestures=2)
    gestures, quiet = labelled_videos(tmp_path / "streams")
    assert (gestures.name, quiet.name) == ("000002.avi", "000003.avi")
    assert len(gestures.events) == 2
    assert not quiet.events
    assert all(event.start_s <= event.end_s < gestures.duration_s for event in gestures.events)
    times = [time_s for time_s, _ in gestures.frames()]
    assert times[-1] == pytest.approx(gestures.duration_s - 1 / 6)
