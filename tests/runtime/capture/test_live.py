"""Live sources on what plays a camera here: a file at its own rate, and a web camera that hangs up."""

import time
from functools import partial
from itertools import islice

import numpy as np
import pytest
from tiny_video import GREY_TOLERANCE, grey_level, write_video
from web_camera import FRAMES_A_CALL, web_camera

from tsm_edge.errors import SourceError
from tsm_edge.runtime.capture.camera import PlayedFile, open_network
from tsm_edge.runtime.capture.live import LiveSource, backoff

LEVELS = list(range(0, 240, 8))
TIMEOUT_S = 30
# What one call differs from the next by; enough for JPEG not to blur it.
LEVELS_A_CALL = 40


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "played.avi", LEVELS, fps=60)


@pytest.fixture
def address():
    with web_camera(LEVELS_A_CALL, LEVELS_A_CALL) as address:
        yield address


def test_frames_nobody_took_are_dropped_and_counted(video):
    with LiveSource("played", partial(PlayedFile, video)) as source:
        frames = []
        while (frame := source.read()) is not None:
            frames.append(frame)
            time.sleep(0.1)  # slower than the camera
    assert source.ended
    assert source.dropped > 0
    assert len(frames) + source.dropped == len(LEVELS)
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    expected = [LEVELS[index] for index in indices]
    np.testing.assert_allclose([grey_level(frame.image) for frame in frames], expected, atol=GREY_TOLERANCE)
    times = [frame.timestamp_s for frame in frames]
    assert times[0] >= 0
    assert times == sorted(times)


def test_last_frame_is_not_lost_at_the_end(video):
    with LiveSource("played", partial(PlayedFile, video)) as source:
        while source.dropped < len(LEVELS) - 1:
            time.sleep(0.01)
        assert not source.ended
        last = source.read()
        assert last is not None
        assert last.index == len(LEVELS) - 1
        assert source.read() is None  # waits until the thread has seen the end
        assert source.ended


def test_nothing_new_is_none_and_no_end(tmp_path):
    slow = write_video(tmp_path / "slow.avi", [10, 20, 30], fps=2)
    with LiveSource("slow", partial(PlayedFile, slow)) as source:
        assert source.read(TIMEOUT_S) is not None
        assert source.read(0.01) is None
        assert not source.ended


def test_closing_stops_the_thread(tmp_path):
    slow = write_video(tmp_path / "slow.avi", [10, 20, 30], fps=0.1)
    source = LiveSource("slow", partial(PlayedFile, slow))
    source.close()
    source.close()
    assert not source._thread.is_alive()


def test_lost_camera_comes_back_and_says_so(address, caplog):
    with LiveSource("web", partial(open_network, address), first_wait_s=0.01) as source:
        frames = []
        while sum(frame.is_restart for frame in frames) < 2:
            frame = source.read(TIMEOUT_S)
            assert frame is not None
            frames.append(frame)
    assert not frames[0].is_restart
    calls = [round(grey_level(frame.image) / LEVELS_A_CALL) for frame in frames]
    for before, frame, call_before, call in zip(frames, frames[1:], calls, calls[1:], strict=False):
        assert frame.index > before.index
        assert frame.is_restart == (call > call_before)
    assert "web is lost" in caplog.text
    assert "web is back" in caplog.text


def test_camera_that_stays_away_is_known_to_be_lost(address):
    answers = iter([partial(open_network, address)])
    silence = partial(open_network, "http://127.0.0.1:9/nothing")
    with LiveSource(
        "web", lambda: next(answers, silence)(), first_wait_s=0.01, longest_wait_s=0.02
    ) as source:
        frames = 0
        while source.read(0.5) is not None:
            frames += 1
        assert 0 < frames <= FRAMES_A_CALL
        assert source.is_lost
        assert not source.ended


def test_waits_double_up_to_the_longest():
    assert list(islice(backoff(0.5, 3.0), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_camera_that_never_opens_is_an_error_at_once(tmp_path):
    with pytest.raises(SourceError, match="no video at"):
        LiveSource("none", partial(PlayedFile, tmp_path / "missing.mp4"))


def test_broken_reader_is_told_to_the_consumer(video):
    class Broken(PlayedFile):
        def read(self, stop):
            raise RuntimeError("driver crashed")

    with (
        LiveSource("broken", partial(Broken, video)) as source,
        pytest.raises(SourceError, match="driver crashed"),
    ):
        source.read(TIMEOUT_S)
