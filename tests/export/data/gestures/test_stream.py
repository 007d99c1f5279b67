import pytest
import torch

from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures import GESTURE_LABELS, GestureGenerator

LABELS = [GESTURE_LABELS.index(name) for name in ("Swiping Left", "Thumb Up", "No gesture", "Shaking Hand")]


@pytest.fixture(scope="module")
def generator() -> GestureGenerator:
    return GestureGenerator("bright", seed=4, size=32, fps=(12, 12))


def test_events_follow_each_other_with_pauses(generator):
    stream = generator.stream(0, LABELS, pauses=(1.0, 2.0))
    assert [event.label for event in stream.events] == LABELS
    assert stream.fps == 12
    for event, following in zip(stream.events, stream.events[1:], strict=False):
        assert event.start <= event.end
        assert following.start - event.end > 1.0
    assert stream.frames.shape[1:] == (3, 32, 32)
    assert len(stream.frames) / stream.fps > stream.events[-1].end


def test_the_hand_moves_in_strokes_and_not_in_pauses(generator):
    stream = generator.stream(1, LABELS[:2] * 2, pauses=(2.0, 2.5))
    moving = stream.frames.float().diff(dim=0).abs().mean((1, 2, 3))
    times = (torch.arange(len(moving)) + 0.5) / stream.fps
    first = stream.events[0]
    stroke = moving[(times > first.start) & (times < first.end)]
    pause = moving[times < first.start - 1.5]
    assert len(stroke) and len(pause)
    assert stroke.mean() > 1.5 * pause.mean()


def test_pieces_join_without_a_seam(generator):
    """Frames are drawn some at a time; people and rooms must be the same in all of them."""
    frames = generator.stream(2, LABELS * 2).frames.float()
    assert len(frames) > 70
    jumps = frames.diff(dim=0).abs().mean((1, 2, 3))
    assert jumps[63] < 3 * jumps.median() + 3


def test_streams_without_gestures_are_refused(generator):
    with pytest.raises(UsageError, match="at least one label"):
        generator.stream(0, [])


def test_a_sign_begins_when_the_hand_is_up(generator):
    stop = generator.stream(3, [GESTURE_LABELS.index("Stop Sign")] * 6, pauses=(1.0, 1.5))
    swipe = generator.stream(3, [GESTURE_LABELS.index("Swiping Left")] * 6, pauses=(1.0, 1.5))
    waits = [event.end - event.start for event in stop.events]
    assert (
        max(waits) > 0.4 > min(event.end - event.start for event in swipe.events)
    )  # its movement takes 0.35 s at most
