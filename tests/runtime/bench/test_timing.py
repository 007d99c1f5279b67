"""What is timed and in which order; never how long it took."""

import itertools
import threading
import time
from hashlib import pbkdf2_hmac
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.runtime.bench.frames import noise_frames
from tsm_edge.runtime.bench.timing import (
    SILENCE_INTERVAL_S,
    SILENCE_LIMIT_S,
    rotated,
    time_interleaved,
    time_paced,
    time_windows,
    wait_for_silence,
)

# What may be taken for silence: a quarter of 25 ms, and a tick of 10 ms that was not booked yet.
LARGEST_MISSED_SHARE = 0.65


class Recorder:
    """A stream that also writes down who was called with what."""

    def __init__(self, name, stream, log):
        self.name, self.stream, self.log = name, stream, log

    def step(self, frame):
        self.log.append((self.name, frame))
        return self.stream.step(frame)

    def reset(self):
        self.log.append((self.name, "reset"))
        self.stream.reset()


@pytest.fixture
def log():
    return []


@pytest.fixture
def streams(stream, log):
    return {name: Recorder(name, stream, log) for name in ("a", "b", "c")}


@pytest.fixture
def frames(tiny):
    return noise_frames(tiny.manifest.model)


@given(st.lists(st.integers(), min_size=1), st.integers(min_value=0))
def test_rotation_keeps_all_and_begins_elsewhere_each_time(items, by):
    assert sorted(rotated(items, by)) == sorted(items)
    assert rotated(items, by)[0] == items[by % len(items)]
    assert rotated(items, len(items)) == tuple(items)


def test_every_engine_gets_every_frame_in_rotating_order(streams, frames, log):
    samples = time_interleaved(streams, frames, num_frames=4)
    # Twice each: once untimed, to fill the caches again, and once timed.
    assert "".join(name for name, _ in log) == "aabbcc bbccaa ccaabb aabbcc".replace(" ", "")
    for index in range(4):
        given = [frame for _, frame in log[6 * index : 6 * index + 6]]
        assert all(frame is given[0] for frame in given)
    assert {name: len(values) for name, values in samples.items()} == {"a": 4, "b": 4, "c": 4}
    assert min(itertools.chain(*samples.values())) > 0


def test_windows_start_and_leave_streams_from_zero(streams, frames, log, stream):
    samples = time_windows(streams, frames, num_segments=3, num_windows=2)
    calls = "".join("0" if isinstance(what, str) else name for name, what in log)
    # Each with one untimed step before it.
    assert calls == "a0aaa0 b0bbb0 c0ccc0 b0bbb0 c0ccc0 a0aaa0".replace(" ", "")
    assert all(len(values) == 2 for values in samples.values())
    assert all(np.all(buffer == 0) for buffer in stream.state())


def test_windows_of_one_round_see_the_same_clip(streams, frames, log):
    time_windows(streams, frames, num_segments=2, num_windows=1)
    stepped = [what for _, what in log if not isinstance(what, str)]
    windows = [stepped[start + 1 : start + 3] for start in (0, 3, 6)]
    assert all(window[0] is windows[0][0] and window[1] is windows[0][1] for window in windows)


def test_single_engine_steps_back_to_back(stream, frames, log):
    time_interleaved({"a": Recorder("a", stream, log)}, frames, num_frames=5)
    time_windows({"a": Recorder("a", stream, log)}, frames, num_segments=2, num_windows=1)
    assert "".join("0" if isinstance(what, str) else name for name, what in log) == "aaaaa" + "0aa0"


class Clock:
    """A clock that says how long this process has computed, in intervals of sleep."""

    def __init__(self, shares):
        self.shares, self.slept, self.computed = iter(shares), 0, 0.0

    def process_time(self):
        return self.computed

    def sleep(self, seconds):
        self.slept += 1
        self.computed += next(self.shares) * seconds


@pytest.mark.parametrize(
    ("shares", "sleeps"),
    [([0.05], 1), ([1.0, 2.0, 1.0, 0.05], 4), (itertools.repeat(1.0), 20)],
    ids=["silent", "spinning for a while", "spinning for good"],
)
def test_silence_is_waited_for_but_not_forever(monkeypatch, shares, sleeps):
    clock = Clock(shares)
    monkeypatch.setattr("tsm_edge.runtime.bench.timing.time", clock)
    wait_for_silence()
    assert clock.slept == sleeps


@pytest.fixture
def computed():
    """When a thread that computes for as long as the test runs was done with each of many small pieces, in seconds."""
    stop, ends = threading.Event(), []

    def compute():
        while not stop.is_set():
            pbkdf2_hmac("sha256", b"", b"", 200)  # lets other threads run
            ends.append(time.perf_counter())

    thread = threading.Thread(target=compute)
    thread.start()
    yield ends
    stop.set()
    thread.join()


def test_a_thread_that_computes_is_no_silence(computed, monkeypatch):
    """Its time is booked at the system's ticks: between two of them it seems to do nothing.

    Asking for the thread's own clock would book it, so its pieces tell how much it computed: none takes less than the
    fastest one.
    """
    slept = []

    def sleep(seconds):
        slept.append((time.perf_counter(), time.sleep(seconds), time.perf_counter()))

    clocks = SimpleNamespace(process_time=time.process_time, sleep=sleep)
    monkeypatch.setattr("tsm_edge.runtime.bench.timing.time", clocks)
    wait_for_silence()
    start, _, end = slept[-1]
    ends = np.array(computed)
    num_pieces = np.count_nonzero((start < ends[:-1]) & (ends[1:] < end))
    share = num_pieces * np.diff(ends).min() / SILENCE_INTERVAL_S
    # A busy machine may keep the processor from the thread, and then there is silence.
    assert len(slept) == int(SILENCE_LIMIT_S / SILENCE_INTERVAL_S) or share < LARGEST_MISSED_SHARE


def test_paced_run_keeps_all_frames_and_the_rate(stream, frames):
    run = time_paced(stream, frames, fps=500, num_frames=10)
    assert len(run.latency_ms) == len(run.response_ms) == 10
    # A response covers its own step, and the due time lies before it.
    assert all(response >= latency for response, latency in zip(run.response_ms, run.latency_ms, strict=True))


def test_deadline_is_the_next_frame(stream, frames):
    # No engine answers within a microsecond, so at a million frames a second all come late, each later.
    run = time_paced(stream, frames, fps=1e6, num_frames=5)
    assert run.num_missed == 5
    assert list(run.response_ms) == sorted(run.response_ms)


def test_slow_rate_misses_nothing(stream, frames):
    # One frame, and the next one due after a quarter of an hour.
    assert time_paced(stream, frames, fps=1e-3, num_frames=1).num_missed == 0
