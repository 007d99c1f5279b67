import cv2
import numpy as np
import pytest
from tiny_video import GREY_TOLERANCE, grey_level, grey_picture, write_video

from tsm_edge.errors import SourceError
from tsm_edge.runtime.capture.video_file import VideoFile

LEVELS = range(0, 250, 10)


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "levels.avi", LEVELS, fps=8)


def test_every_frame_comes_in_order_with_its_time(video):
    with VideoFile(video) as source:
        frames = list(source)
    np.testing.assert_allclose([grey_level(frame.image) for frame in frames], LEVELS, atol=GREY_TOLERANCE)
    assert [frame.index for frame in frames] == list(range(len(LEVELS)))
    np.testing.assert_allclose([frame.timestamp_s for frame in frames], np.arange(len(LEVELS)) / 8, atol=1e-3)
    assert all(frame.decode_ms > 0 and not frame.is_restart for frame in frames)


def test_file_describes_itself(video):
    with VideoFile(video) as source:
        assert (source.fps, source.is_live, source.dropped, source.is_lost) == (8, False, 0, False)
        assert not source.ended
        list(source)
        assert source.ended
        assert source.read() is None


def test_times_are_the_containers_where_frames_come_unevenly(tmp_path):
    path, times_ms = tmp_path / "uneven.mkv", [0, 40, 80, 480, 520, 1000]
    # OpenCV takes times only for pictures that are encoded already.
    encoded = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, 1000, (64, 48), encoded)
    for time_ms in times_ms:
        writer.set(cv2.VIDEOWRITER_PROP_PTS, time_ms)
        writer.write(cv2.imencode(".jpg", grey_picture(100))[1].reshape(1, -1))
    writer.release()
    with VideoFile(path) as source:
        found_ms = [frame.timestamp_s * 1e3 for frame in source]
    np.testing.assert_allclose(found_ms, times_ms, atol=2)


def test_closed_file_gives_nothing_more(video):
    source = VideoFile(video)
    source.close()
    source.close()
    assert source.ended
    assert source.read() is None


def test_damaged_end_is_logged(video, tmp_path, caplog):
    data = video.read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(data[: len(data) // 2])
    with VideoFile(cut) as source:
        frames = list(source)
    assert 0 < len(frames) < len(LEVELS)
    assert f"ends after {len(frames)} of" in caplog.text


def test_unreadable_files_are_said_in_one_line(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", LEVELS, codec="mp4v").read_bytes()
    files = {"empty.mp4": b"", "text.mp4": b"no video at all" * 100, "half.mp4": whole[: len(whole) // 2]}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    for name, words in {
        **dict.fromkeys(files, "no video frame"),
        "missing.mp4": "no video at",
        ".": "no file",
    }.items():
        with pytest.raises(SourceError, match=words) as refused:
            VideoFile(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_video_without_frames_is_unreadable(tmp_path):
    path = write_video(tmp_path / "none.avi", [])
    with pytest.raises(SourceError, match="no video frame"):
        VideoFile(path)
