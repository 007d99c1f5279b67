"""The demo as its users start it: in a process of its own, without a display and on a real one in memory."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_bundle import write_tiny_bundle
from tiny_video import write_video
from virtual_screen import press, screenshot, virtual_screen, wait_for, wait_until_shown

from tsm_edge.runtime.capture.video_file import VideoFile
from tsm_edge.runtime.overlay_panel import BACKGROUND, WARNING

TIMEOUT_S = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """White, for a minute."""
    return write_video(tmp_path_factory.mktemp("video") / "white.avi", [255] * 20 * TIMEOUT_S, fps=20)


def start(bundle, *arguments, display=""):
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    if display:
        environment["DISPLAY"] = display
    command = [sys.executable, "-m", "tsm_edge.webcam_demo", "--bundle", bundle, "--backend", "onnxruntime"]
    return subprocess.Popen(
        [*map(str, command), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture
def display(tmp_path):
    """A screen in memory, and the file that holds its pixels."""
    with virtual_screen(tmp_path) as screen:
        yield screen


def wait_for_window(display: str, dump: Path, process):
    wait_until_shown(display, lambda: shown(dump, WARNING) > 5000, process)


def shown(dump: Path, colour) -> int:
    return int((screenshot(dump) == colour).all(axis=2).sum())


def test_without_a_display_it_says_so_and_runs(bundle, video, tmp_path):
    record = tmp_path / "out.mp4"
    said, errors = start(bundle, "--source", video, "--max-frames", 5, "--record", record).communicate()
    assert "no window" in errors
    assert "running headless" in errors
    assert errors.count("\n") == 1
    assert "5 predicted" in said
    with VideoFile(record) as source:
        assert len(list(source)) == 5


def test_with_a_display_that_is_none_it_does_not_crash(bundle, video):
    process = start(bundle, "--source", video, "--max-frames", 2, display=":98765")
    said, errors = process.communicate()
    assert process.returncode == 0
    assert "cannot open a window" in errors
    assert "2 predicted" in said


def test_absent_camera_is_one_line(bundle):
    process = start(bundle, "--headless", "--source", "/dev/video63")
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "no camera at /dev/video63" in errors
    assert errors.count("\n") == 1


def test_window_shows_picture_panel_and_warning(bundle, video, display):
    name, dump = display
    process = start(bundle, "--source", video, display=name)
    wait_for_window(name, dump, process)
    picture = screenshot(dump)
    assert (picture == BACKGROUND).all(axis=2).sum() > 30_000
    assert (picture > 240).all(axis=2).sum() > 100_000
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate()
    assert process.returncode == 130
    assert "Ctrl-C" in said
    assert errors == ""


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_keys_reset_and_quit(bundle, video, display, key):
    name, dump = display
    process = start(bundle, "--source", video, display=name)
    wait_for_window(name, dump, process)
    press(name, "mousemove", "100", "100")
    before = shown(dump, WARNING)
    press(name, "key", "r")
    wait_for(lambda: shown(dump, WARNING) > before + 20, process)
    press(name, "key", key)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
