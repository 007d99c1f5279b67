import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.export.evaluation.event_metrics import (
    TOLERANCE_S,
    Announcement,
    EventResult,
    TrueEvent,
    match_events,
)


def event(label, start_s, end_s):
    return TrueEvent(label=label, start_s=start_s, end_s=end_s)


def said(label, time_s):
    return Announcement(label=label, time_s=time_s)


def test_counts_of_a_known_stream():
    events = [event("a", 1, 2), event("b", 5, 6), event("a", 9, 10)]
    announced = [
        said("a", 1.5),  # right, half a second before the end
        said("a", 1.9),  # false: it was announced already
        said("a", 5.5),  # false: "b" happens
        said("b", 6.8),  # right, 0.8 s after the end
        said("a", 11.5),  # false: too late
    ]
    result = match_events(events, announced, duration_s=1800)
    assert (result.happened, result.announced, result.right) == (3, 5, 2)
    assert result.precision == pytest.approx(0.4)
    assert result.recall == pytest.approx(2 / 3)
    assert sorted(result.delays_s) == pytest.approx([-0.5, 0.8])
    assert result.median_delay_s == pytest.approx(0.15)
    assert result.false_per_hour == pytest.approx(6)


def test_two_events_of_one_label_close_together_take_an_announcement_each():
    events = [event("a", 0, 1), event("a", 1.2, 2)]
    assert match_events(events, [said("a", 1.3), said("a", 1.9)], 10).right == 2


def test_nothing_has_no_figures():
    silent = match_events([], [], 60)
    assert (silent.precision, silent.recall, silent.median_delay_s, silent.false_per_hour) == (
        None,
        None,
        None,
        0,
    )
    assert match_events([event("a", 0, 1)], [], 60).recall == 0


TIMES = st.floats(0, 100)
EVENTS = st.lists(st.tuples(st.sampled_from("ab"), TIMES, st.floats(0, 5)), max_size=8)
SAID = st.lists(st.tuples(st.sampled_from("ab"), TIMES), max_size=8)


@given(EVENTS, SAID)
def test_figures_stay_in_their_ranges(happened, announced):
    events = [event(label, start_s, start_s + length_s) for label, start_s, length_s in happened]
    result = match_events(events, [said(*each) for each in announced], 110)
    assert result.right <= min(len(events), len(announced))
    assert len(result.delays_s) == result.right
    assert all(-5 <= delay_s <= TOLERANCE_S + 1e-9 for delay_s in result.delays_s)


@given(EVENTS)
def test_a_perfect_stream_is_perfect(happened):
    events = [event(label, start_s, start_s + length_s) for label, start_s, length_s in happened]
    result = match_events(events, [said(each.label, each.end_s) for each in events], 110)
    assert result.right == len(events)
    assert result.false_per_hour == 0


def test_streams_add_up():
    one = EventResult(happened=1, announced=2, right=1, duration_s=10, delays_s=(0.5,))
    assert one + one == EventResult(happened=2, announced=4, right=2, duration_s=20, delays_s=(0.5, 0.5))
