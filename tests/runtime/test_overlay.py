import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsm_edge.runtime.events import Event
from tsm_edge.runtime.overlay import LEAST_WIDTH, Annotator, draw_overlay
from tsm_edge.runtime.overlay_panel import ACCENT, BAR, FIRST_BAR, WARNING, Status
from tsm_edge.runtime.prediction import Prediction

PREDICTION = Prediction(
    frame=17,
    timestamp_s=1.25,
    logits=np.zeros(5, np.float32),
    top=(
        ("Thumb Up", 0.5),
        ("Swiping Left", 0.25),
        ("Stop Sign", 0.15),
        ("Thumb Down", 0.1),
        ("Rolling", 0.0),
    ),
    smoothed_label="Thumb Up",
    events=(),
    latency_ms={"decode": 100.0, "preprocess": 0.5, "infer": 3.0, "postprocess": 0.5},
)
EVENT = Event(kind="started", label="Thumb Up", frame=17)


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 127, np.uint8)


def pixels_of(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int = 0) -> int:
    """How many pixels have a colour; thin letters reach theirs only nearly."""
    return int((np.abs(picture.astype(int) - colour) <= tolerance).all(axis=2).sum())


@settings(max_examples=25)
@given(
    height=st.integers(1, 500), width=st.integers(16, 1000), banner=st.sampled_from(["", "untrained weights"])
)
def test_any_frame_becomes_a_picture_with_a_panel(height, width, banner):
    picture = draw_overlay(grey(height, width), PREDICTION, Status(banner=banner))
    assert picture.dtype == np.uint8
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0
    assert picture.shape[1] >= LEAST_WIDTH
    frame_height = round(height * max(1, LEAST_WIDTH / width))
    assert (picture[: max(1, frame_height - 2)] == 127).all()
    assert not (picture[frame_height + 2 :] == 127).all(axis=2).any(axis=1).all()


@pytest.mark.parametrize(("height", "width"), [(144, 176), (480, 640), (720, 1280), (1080, 1920)])
def test_large_frames_keep_their_pixels(height, width):
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    picture = draw_overlay(frame, PREDICTION, Status())
    assert picture.shape[1] == max(width, LEAST_WIDTH)
    if width >= LEAST_WIDTH:
        np.testing.assert_array_equal(picture[:height], frame)


def test_bars_are_as_long_as_the_scores():
    lengths = [(PREDICTION, 0.5, 0.25)]
    lengths.append((dataclasses.replace(PREDICTION, top=(("a", 1.0), ("b", 0.5))), 1.0, 0.5))
    longest = []
    for prediction, first_share, second_share in lengths:
        panel = draw_overlay(grey(480, 640), prediction, Status())[480:]
        # Names hide some of a bar, never its whole upper edge.
        first = (panel == FIRST_BAR).all(axis=2).sum(axis=1).max()
        second = (panel == BAR).all(axis=2).sum(axis=1).max()
        assert abs(second / first - second_share / first_share) < 0.02
        longest.append(first)
    assert abs(longest[0] / longest[1] - 0.5) < 0.02


def test_untrained_weights_are_never_overlooked():
    for size in ((144, 176), (480, 640), (1080, 1920)):
        plain = Annotator().draw(grey(*size), PREDICTION)
        warned = Annotator("untrained weights").draw(grey(*size), PREDICTION)
        assert pixels_of(plain, WARNING) == 0
        strip = warned[len(plain) :]
        assert len(strip) >= 20
        assert pixels_of(strip, WARNING) > 0.5 * strip.shape[0] * strip.shape[1]


def test_event_is_shown_for_a_while():
    annotator = Annotator()
    without = pixels_of(annotator.draw(grey(480, 640), PREDICTION)[:, :230], ACCENT, 60)
    annotator.add(dataclasses.replace(PREDICTION, events=(EVENT,)))
    shown = []
    for _ in range(40):
        shown.append(pixels_of(annotator.draw(grey(480, 640), PREDICTION)[:, :230], ACCENT, 60))
        annotator.add(PREDICTION)
    assert without == shown[-1] == 0
    assert min(shown[:25]) > 100


def test_note_takes_the_events_place():
    annotator = Annotator()
    annotator.add(dataclasses.replace(PREDICTION, events=(EVENT,)))
    noted = annotator.draw(grey(480, 640), PREDICTION, note="reset")
    assert pixels_of(noted, WARNING, 60) > 50
    assert pixels_of(noted[:, :230], ACCENT, 60) == 0
    assert noted.shape == annotator.draw(grey(480, 640), PREDICTION).shape


def test_latency_shown_leaves_decoding_out():
    annotator = Annotator()
    annotator.add(PREDICTION)
    status = Status(latencies_ms=(4.0,))
    np.testing.assert_array_equal(
        annotator.draw(grey(480, 640), PREDICTION), draw_overlay(grey(480, 640), PREDICTION, status)
    )


def test_frame_is_not_drawn_into():
    frame = grey(480, 640)
    draw_overlay(frame, PREDICTION, Status(banner="untrained weights"))
    assert (frame == 127).all()
