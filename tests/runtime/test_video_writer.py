import subprocess
import sys

import cv2
import numpy as np
import pytest
from tiny_video import grey_level, grey_picture

from tsm_edge.errors import OutputError, UsageError
from tsm_edge.runtime.capture.video_file import VideoFile
from tsm_edge.runtime.video_writer import VideoWriter

LEVELS = list(range(0, 250, 25))
# The codec quantizes a block's mean in steps of eight.
CODEC_TOLERANCE = 5


def read_back(path):
    with VideoFile(path) as source:
        frames = list(source)
        return [grey_level(frame.image) for frame in frames], source.fps


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".mov"])
def test_video_can_be_played(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    with VideoWriter(path, 12.5) as video:
        for level in LEVELS:
            video.write(grey_picture(level))
        assert not path.exists()
    levels, fps = read_back(path)
    np.testing.assert_allclose(levels, LEVELS, atol=CODEC_TOLERANCE)
    assert fps == pytest.approx(12.5, rel=1e-3)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_no_frame_makes_no_file(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", 10):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_video_is_finished_however_the_block_ends(tmp_path, error):
    def interrupted():
        with VideoWriter(tmp_path / "out.mp4", 10) as video:
            for level in LEVELS:
                video.write(grey_picture(level))
            raise error

    with pytest.raises(error):
        interrupted()
    assert len(read_back(tmp_path / "out.mp4")[0]) == len(LEVELS)


def test_picture_stands_until_the_next_one_was_taken(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", 10) as video:
        for level, timestamp_s in ((0, 0.0), (100, 0.1), (200, 0.5), (50, 60.0), (150, 60.1)):
            video.write(grey_picture(level), timestamp_s)
    levels, _ = read_back(tmp_path / "out.mp4")
    # A minute's pause is shortened to a second.
    expected = [0] + [100] * 4 + [200] * 10 + [50] + [150]
    np.testing.assert_allclose(levels, expected, atol=CODEC_TOLERANCE)


def test_frames_closer_than_the_rate_are_all_kept(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", 10) as video:
        for i, level in enumerate(LEVELS):
            video.write(grey_picture(level), i * 0.01)
    assert len(read_back(tmp_path / "out.mp4")[0]) == len(LEVELS)


def test_later_sizes_are_brought_to_the_first(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", 10) as video:
        video.write(grey_picture(10, (64, 48)))
        video.write(grey_picture(20, (128, 96)))
    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert [capture.read()[1].shape for _ in range(2)] == [(48, 64, 3)] * 2


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\.mp4"):
        VideoWriter(tmp_path / "out.txt", 10)


def test_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with VideoWriter(tmp_path / "file" / "out.mp4", 10) as video, pytest.raises(OutputError):
        video.write(grey_picture(1))


@pytest.mark.parametrize(("room", "said"), [(0, "File too large; make room"), (100_000, "is the disk full?")])
def test_full_disk_leaves_the_old_video(tmp_path, room, said):
    """A limit on the size of files stands for the disk: FFmpeg's writes fail in the same way."""
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    program = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
from pathlib import Path
import numpy as np
from tsm_edge.errors import OutputError
from tsm_edge.runtime.video_writer import VideoWriter
noise = np.random.default_rng(0)
try:
    with VideoWriter(Path({str(path)!r}), 10) as video:
        for _ in range(60):
            video.write(noise.integers(0, 256, (240, 320, 3), np.uint8))
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said in done.stdout
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]
