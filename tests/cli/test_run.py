import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_bundle import write_tiny_bundle
from tiny_video import write_video

from tsm_edge.runtime.capture.video_file import VideoFile

LEVELS = [0] * 6 + [255] * 6


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "gesture.avi", LEVELS)


@pytest.fixture
def run(tsm_edge, bundle):
    def call(*arguments, code=0, **environment):
        return tsm_edge("run", bundle, "--backend", "onnxruntime", *arguments, code=code, **environment)

    return call


def test_labels_and_a_summary_are_for_people(run, video, tmp_path):
    done = run("--source", video, "--json", tmp_path / "out.jsonl", "--output", tmp_path / "out.mp4")
    assert "Stop Sign" in done.stdout
    for words in (
        "tiny, untrained weights",
        "12 predicted, 0 dropped",
        "infer, median",
        "frames/s",
        "1 started",
    ):
        assert words in done.stdout
    assert done.stderr == ""
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == len(LEVELS)
    with VideoFile(tmp_path / "out.mp4") as annotated:
        assert len(list(annotated)) == len(LEVELS)


def test_dash_leaves_standard_output_to_the_lines(run, video):
    done = run(
        "--source", video, "--json", "-", "--logits", "--every", "2", "--max-frames", "3", "--no-smoothing"
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["frame"] for line in lines] == [0, 2, 4]
    assert len(lines[0]["logits"]) == 7
    assert "3 predicted" in done.stderr


def test_pictures_are_a_source(run, tmp_path):
    import cv2
    from tiny_video import grey_picture

    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"{number}.png"), grey_picture(number))
    assert "3 predicted" in run("--source", f"{tmp_path}/*.png").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--source", "missing.mp4"], 1, "no video at missing.mp4"),
        (["--source", "/dev/video63"], 1, "no camera at"),
        (["--source", "gopher://x"], 2, "accepted are"),
        (["--source", "csi://0"], 1, "GStreamer"),
        ([], 2, "--source"),
        (["--source", "VIDEO", "--output", "out.txt"], 2, "must end with"),
        (["--source", "VIDEO", "--json", "/dev/full"], 1, "cannot write /dev/full"),
        (["--source", "VIDEO", "--every", "0"], 2, "--every"),
        (["--source", "VIDEO", "--threads", "0"], 2, "--threads"),
        (["--source", "DAMAGED"], 1, "no video frame"),
    ],
)
def test_mistakes_end_in_one_line(run, video, tmp_path, arguments, code, words):
    damaged = tmp_path / "damaged.mp4"
    whole = write_video(tmp_path / "whole.mp4", LEVELS, codec="mp4v").read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    places = {"VIDEO": video, "DAMAGED": damaged}
    done = run(*(places.get(argument, argument) for argument in arguments), code=code)
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopping_keeps_lines_and_video(bundle, tmp_path, stop):
    long_video = write_video(tmp_path / "long.avi", [0, 255] * 300, fps=30)
    lines, output = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    program = "from tsm_edge.cli.main import main; main()"
    options = [
        "--backend",
        "onnxruntime",
        "--source",
        f"live+{long_video}",
        "--json",
        lines,
        "--output",
        output,
    ]
    command = [sys.executable, "-c", program, "run", str(bundle), *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while not _has_lines(lines, 5):
            time.sleep(0.02)
        process.send_signal(stop)
        said, _ = process.communicate()
    assert process.returncode == 130
    assert "Ctrl-C" in said
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(records) >= 5
    with VideoFile(output) as annotated:
        # The last frame may have been stopped between the lines and the video.
        assert len(list(annotated)) >= len(records) - 1


def _has_lines(path: Path, count: int) -> bool:
    return path.exists() and path.read_text().count("\n") >= count
