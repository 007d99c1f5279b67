"""Recording as a user does it, a file in the role of the camera: without a window, and with a real one."""

import os
import signal
import subprocess
import sys

import cv2
import pytest
from click.testing import CliRunner
from tiny_video import write_video
from virtual_screen import press, screenshot, virtual_screen, wait_until_shown

from tsm_edge.cli.record import command
from tsm_edge.errors import SourceError, UsageError
from tsm_edge.export.data import open_data
from tsm_edge.runtime.recorder_view import RECORDING, RecorderView

FPS = 30
QUICK = ["--seconds", "0.4", "--countdown", "0.1", "--no-display"]
CODE = "from tsm_edge.cli.main import main; main()"


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    """Twenty seconds of grey."""
    return write_video(
        tmp_path_factory.mktemp("camera") / "grey.avi", [60, 180] * 10 * FPS, fps=FPS, size=(160, 120)
    )


def run(*arguments):
    return CliRunner().invoke(command, [*map(str, arguments)])


def start(*arguments, **environment):
    names = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    words = [sys.executable, "-c", CODE, "record", *map(str, arguments)]
    return subprocess.Popen(words, text=True, env=names | environment, **pipes)


def num_frames(path):
    capture = cv2.VideoCapture(str(path))
    return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))


def test_clips_land_where_training_looks_and_numbers_go_on(camera, tmp_path):
    for label, count in (("Wave", 2), ("No gesture", 1), ("Wave", 1)):
        done = run("--label", label, "--count", count, "--source", camera, "--output", tmp_path, *QUICK)
        assert done.exit_code == 0, done.exception
    assert f"1 clip recorded into {tmp_path / 'Wave'}" in done.stdout
    data = open_data(tmp_path, strict=True)
    assert data.labels == ("No gesture", "Wave")
    assert [clip.path.name for clip in data.train] == ["0001.mp4", "0001.mp4", "0002.mp4", "0003.mp4"]
    # Frames that a busy machine drops are made up for by repeating the one before.
    assert all(abs(clip.num_frames - 0.4 * FPS) <= 2 for clip in data.train)


def test_what_happens_is_told(camera, tmp_path):
    done = run("--label", "Wave", "--count", 1, "--source", camera, "--output", tmp_path, *QUICK)
    assert done.stderr.splitlines() == [
        "clip 1 in 1 s",
        "clip 1 recording",
        f"clip 1 kept: {tmp_path / 'Wave' / '0001.mp4'}",
    ]


def test_ctrl_c_keeps_complete_clips_alone(camera, tmp_path):
    process = start("--label", "Wave", "--source", camera, "--output", tmp_path, *QUICK)
    for line in process.stderr:
        if line.startswith("clip 2 recording"):
            break
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 130
    assert "stopped early" in said
    assert f"1 clip recorded into {tmp_path / 'Wave'}" in said
    assert [path.name for path in (tmp_path / "Wave").iterdir()] == ["0001.mp4"]


def test_a_camera_that_ends_keeps_complete_clips_alone(tmp_path):
    short = write_video(tmp_path / "short.avi", [100] * 24, fps=FPS)
    done = run("--label", "Wave", "--source", short, "--output", tmp_path, *QUICK)
    assert isinstance(done.exception, SourceError)
    assert "ended; complete clips are kept" in str(done.exception)
    assert [path.name for path in (tmp_path / "Wave").iterdir()] == ["0001.mp4"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--label", "a/b"], UsageError, "cannot name a folder"),
        (["--label", "Wave", "--source", "absent.mp4"], SourceError, "no video at absent.mp4"),
        (["--label", "Wave", "--source", "/dev/video63"], SourceError, "no camera at /dev/video63"),
    ],
)
def test_mistakes_get_one_line_and_no_folder(tmp_path, monkeypatch, arguments, error, words):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments, "--no-display")
    assert isinstance(done.exception, error)
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_without_a_display_it_says_so_and_records(camera, tmp_path):
    options = ["--seconds", "0.2", "--countdown", "0", "--count", "1"]
    process = start("--label", "Wave", "--source", camera, "--output", tmp_path, *options)
    _, errors = process.communicate()
    assert process.returncode == 0
    assert "no window, neither DISPLAY nor WAYLAND_DISPLAY is set; recording without" in errors


def test_the_window_counts_down_records_and_hears_q(camera, tmp_path):
    with virtual_screen(tmp_path) as (name, dump):
        options = ["--countdown", "2", "--seconds", "8"]
        process = start(
            "--label", "Wave", "--source", camera, "--output", tmp_path / "clips", *options, DISPLAY=name
        )
        wait_until_shown(name, lambda: (screenshot(dump) == RECORDING).all(axis=2).sum() > 500, process)
        press(name, "mousemove", "100", "100")
        press(name, "key", "q")
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "0 clips recorded" in said
    assert list((tmp_path / "clips" / "Wave").iterdir()) == []


def test_pictures_of_any_size_are_drawn():
    import numpy as np

    for height, width in ((48, 64), (480, 640), (1080, 1920), (640, 360)):
        image = np.full((height, width, 3), 90, np.uint8)
        image[:, : width // 2] = 10
        view = RecorderView("A label that is far too long for the line it is shown in", 10, mirror=True)
        counting, recording = view.counting(image, 3, 2), view.recording(image, 3, 0.5)
        assert counting.shape == recording.shape == (counting.shape[0], width, 3)
        assert counting[2, 2].tolist() == [90] * 3  # mirrored
        assert (recording[-1, : width // 3] == RECORDING).all()
        assert (recording[-1, -width // 3 :] != RECORDING).any()
        assert (image[0, 0] == 10).all()
