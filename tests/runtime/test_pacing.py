"""Frames and the memories that read them."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundle import tiny_spec

from tsm_edge.runtime.pacing import Pacing

SHORTEST_S = 0.75 / 5
TIMES = st.lists(st.floats(0, 0.5), max_size=40).map(
    lambda gaps: [sum(gaps[: i + 1]) for i in range(len(gaps))]
)


def pacing(interleave=2, max_fps=5.0):
    return Pacing(replace(tiny_spec(), max_fps=max_fps, interleave=interleave))


def gaps(found, one):
    """Seconds between what a memory reads."""
    own = [time_s for time_s, memory in found if memory == one]
    return [after - before for before, after in pairwise(own)]


def read(paced, times):
    """(time, memory) of all that is read."""
    found = []
    for time_s in times:
        memory = paced.turn(time_s)
        if memory is not None:
            paced.read(memory, time_s)
            found.append((time_s, memory))
    return found


@pytest.mark.parametrize(
    ("fps", "reads_a_second", "memories"),
    # Beyond twice the rate every second frame or more is left out; below it a second memory would starve both.
    [
        (3, 3, 1),
        (5, 5, 1),
        (6, 6, 1),
        (8, 8, 2),
        (10, 10, 2),
        (12, 12, 2),
        (15, 10, 2),
        (24, 12, 2),
        (30, 12, 2),
    ],
)
def test_memories_take_turns_at_the_rate_that_they_know(fps, reads_a_second, memories):
    found = read(pacing(), [i / fps for i in range(10 * fps)])
    assert len(found) == pytest.approx(10 * reads_a_second, abs=2)
    assert {memory for _, memory in found} == set(range(memories))
    for one in range(memories):
        assert min(gaps(found, one)) >= SHORTEST_S
        assert max(gaps(found, one)) == pytest.approx(memories / reads_a_second, abs=1e-6)


def test_a_lost_frame_is_made_up_for_within_a_frame():
    whole = [i / 12 for i in range(24)]
    found = read(pacing(), whole[:6] + whole[7:])
    frames = [round(12 * gap) for one in (0, 1) for gap in gaps(found, one)]
    assert len(found) == 23
    assert set(frames) == {2, 3}
    assert frames.count(3) == 2


@given(TIMES, st.integers(1, 4))
def test_no_memory_reads_faster_than_it_may(times, interleave):
    found = read(pacing(interleave), times)
    for one in range(interleave):
        assert all(gap >= SHORTEST_S - 1e-9 for gap in gaps(found, one))


@given(TIMES)
def test_one_memory_reads_what_comes_no_sooner_than_its_interval(times):
    expected, latest_s = [], None
    for time_s in times:
        if latest_s is None or time_s - latest_s >= SHORTEST_S:
            expected.append((time_s, 0))
            latest_s = time_s
    assert read(pacing(1), times) == expected


@given(st.lists(st.one_of(st.none(), st.just(float("nan")), st.floats(-1, 5)), min_size=1, max_size=30))
def test_whatever_a_clock_says_frames_without_times_and_earlier_ones_are_read(times):
    paced, latest_s = pacing(), None
    for time_s in times:
        memory = paced.turn(time_s)
        if time_s is None or time_s != time_s or latest_s is None or time_s < latest_s:
            assert memory is not None
        if memory is not None:
            paced.read(memory, time_s)
            latest_s = None if time_s is None or time_s != time_s else time_s


def test_frames_without_times_stay_in_one_memory():
    paced = pacing()
    read(paced, [0.0, 0.1])
    assert paced.memory == 1
    assert [memory for _, memory in read(paced, [None] * 4)] == [1] * 4
    assert paced.order() == [1, 0]


def test_without_a_rate_one_memory_reads_all():
    paced = pacing(max_fps=None)
    assert read(paced, [0.0, 0.001, 0.002]) == [(0.0, 0), (0.001, 0), (0.002, 0)]


@pytest.mark.parametrize(("fps", "frames", "order"), [(12, 7, [1, 0]), (12, 8, [0, 1]), (6, 7, [0, 1])])
def test_order_begins_with_the_memory_whose_turn_it_is(fps, frames, order):
    paced = pacing()
    read(paced, [i / fps for i in range(frames)])
    assert paced.order() == order
    assert paced.turn(frames / fps) == order[0]
