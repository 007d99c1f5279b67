from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.runtime.events import Event, events_between


def test_nothing_happens_while_a_gesture_goes_on():
    assert events_between("Thumb Up", "Thumb Up", frame=3) == ()
    assert events_between(None, None, frame=3) == ()


def test_one_gesture_ends_before_the_next_starts():
    assert events_between("Thumb Up", "Stop Sign", frame=3, timestamp_s=0.1) == (
        Event(kind="ended", label="Thumb Up", frame=3, timestamp_s=0.1),
        Event(kind="started", label="Stop Sign", frame=3, timestamp_s=0.1),
    )


@given(gestures=st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=30))
def test_starts_and_ends_alternate(gestures):
    running, before = None, None
    for frame, after in enumerate(gestures):
        for event in events_between(before, after, frame=frame):
            assert event.frame == frame
            assert (running is None) == (event.kind == "started")
            assert event.kind == "started" or event.label == running
            running = event.label if event.kind == "started" else None
        before = after
        assert running == after
