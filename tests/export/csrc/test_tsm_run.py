"""The tool that a device needs nothing beside: its replay, its report, its exit codes."""

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS, RUN_TOOL, WEIGHTS, Bundle
from tsm_edge.export.golden import NUM_FRAMES

GUIDE = Path(__file__).parents[3] / "docs" / "devices" / "tsm-run.md"


@pytest.fixture
def run(compiled_path):
    """Run the bundle's tool and expect this exit code."""

    def run_(*arguments, code=0):
        command = [compiled_path / RUN_TOOL, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done

    return run_


@pytest.fixture
def copy(compiled_path, tmp_path):
    return shutil.copytree(compiled_path, tmp_path / "copy")


def test_replay_says_that_the_stream_is_equal(run, compiled_path):
    threads = Bundle.open(compiled_path).manifest.threads
    first, second, third, fourth = run(compiled_path).stdout.splitlines()
    plural = "s" if threads > 1 else ""
    assert first == f"target host, cpu, {threads} thread{plural}, {NUM_FRAMES} frames; untrained weights"
    assert second.startswith("golden stream equal")
    assert third.startswith("latency_ms p50 ")
    assert re.fullmatch(
        r"cold start: load \d+\.\d ms, first frame \d+\.\d ms; at most \d+ MiB of memory", fourth
    )


@pytest.fixture(scope="module")
def said(compiled_path):
    """Twenty frames' JSON."""
    command = [
        compiled_path / RUN_TOOL,
        compiled_path,
        "--json",
        "--threads",
        "2",
        "--frames",
        "20",
        "--affinity",
    ]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_json_is_for_machines(said):
    assert (said["target"], said["threads"], said["frames"]) == ("host", 2, 20)
    assert (said["compute"], said["compute_note"], said["affinity"]) == ("cpu", "", "big-first")
    assert said["equal"] is True
    assert 0 < said["relative_error"] <= said["tolerance"] == 1e-5
    assert said["max_difference"] > 0
    assert said["latency_target_ms"] is said["verdict"] is None
    system = platform.uname()
    assert said["device"] == {
        "system": system.system,
        "release": system.release,
        "machine": system.machine,
        "model": None,
    }


def test_latencies_are_those_of_the_samples(said):
    samples, latency = np.array(said["samples_ms"]), said["latency_ms"]
    assert len(samples) == 20
    assert (samples > 0).all()
    for name, percent in (("p50", 50), ("p90", 90), ("p99", 99)):
        assert latency[name] == np.percentile(samples, percent, method="inverted_cdf")
    assert (latency["least"], latency["most"]) == (samples.min(), samples.max())
    # The samples are printed with four digits behind the point.
    assert latency["mean"] == pytest.approx(samples.mean(), abs=2e-4)


def test_cold_start_is_told(said, compiled_path):
    assert said["load_ms"] > 0
    assert said["first_frame_ms"] > said["samples_ms"][0]
    # The whole golden stream is in memory, and this network far below a hundred MiB.
    assert (compiled_path / GOLDEN_FRAMES).stat().st_size < said["peak_bytes"] < 100 << 20


def test_guide_describes_every_field(said):
    described = set(re.findall(r"^\| `(\w+)` \|", GUIDE.read_text(), re.MULTILINE))
    assert described == set(said)


def test_bundle_is_where_the_tool_lies(copy, tmp_path):
    done = subprocess.run(
        [copy / RUN_TOOL, "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["equal"]


def test_gpu_that_is_not_there(run, compiled_path):
    assert "no kernels for a GPU" in run(compiled_path, "--device", "gpu", code=1).stderr
    assert run(compiled_path, "--device", "cpu", "--json").stdout


def test_help_says_what_there_is(run):
    helped = run("--help")
    assert helped.stdout.startswith("usage: tsm-run [BUNDLE]")
    assert helped.stderr == ""
    assert set(re.findall(r"--[a-z]+", helped.stdout)) <= set(re.findall(r"--[a-z]+", GUIDE.read_text()))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")  # noqa: PTH110
def test_output_that_is_lost_is_a_failure(compiled_path):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [compiled_path / RUN_TOOL, "--json"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert b"cannot write" in done.stderr


def test_threads_give_the_same_bits(run, compiled_path):
    errors = {
        json.loads(run(compiled_path, "--json", "--threads", n).stdout)["relative_error"] for n in (1, 2, 4)
    }
    assert len(errors) == 1


BAD_IMAGES = (
    "",
    "rgb",
    "rgb:",
    "rgb:3",
    "rgb:3x",
    "rgb:3x3:",
    "rgb:3x3x3",
    "rgb:3x3:90:",
    "rgb:x3",
    "rgb:0x3",
)
BAD_IMAGES += ("rg:3x3", "rgb:99999999999x3", "rgb:-3x3", "RGB:3x3", "rgb:3x3:-90", "yuv_420_888:4x4", ":3x3")


@pytest.mark.parametrize(
    "arguments",
    [
        ["{bundle}", "{bundle}"],
        [""],
        ["-"],
        ["{bundle}", "--device", "npu"],
        ["{bundle}", "--raw"],
        ["{bundle}", "--raw", ""],
        ["{bundle}", "--image", "rgb:32x32"],
        *(["{bundle}", "--raw", "-", "--image", image] for image in BAD_IMAGES),
        ["{bundle}", "--frames"],
        ["{bundle}", "--frames", "0"],
        ["{bundle}", "--frames", "many"],
        ["{bundle}", "--threads", "-1"],
        ["{bundle}", "--nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage(run, compiled_path, arguments):
    done = run(*(argument.format(bundle=compiled_path) for argument in arguments), code=2)
    assert re.fullmatch(r"tsm-run: cannot use \".*\"; see tsm-run --help\n", done.stderr)
    assert arguments[-1].format(bundle=compiled_path) in done.stderr or "--raw" in done.stderr
    assert done.stdout == ""


def test_more_threads_than_there_may_be(run, compiled_path):
    assert "out of range" in run(compiled_path, "--threads", 65, code=1).stderr


@pytest.mark.parametrize("name", [GOLDEN_FRAMES, GOLDEN_LOGITS])
@pytest.mark.parametrize(
    "content", [None, b"", b"\x93NUMPY\x01", b"no array at all, but long enough to look"]
)
def test_broken_golden_stream(run, copy, name, content):
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content)
    assert "no readable golden stream" in run(copy, code=1).stderr


def test_golden_stream_of_two_lengths(run, copy):
    np.save(copy / GOLDEN_LOGITS, np.load(copy / GOLDEN_LOGITS)[:-1])
    assert "no readable golden stream" in run(copy, code=1).stderr


@pytest.mark.parametrize("content", [None, b"short"])
def test_broken_weights(run, copy, content):
    (copy / WEIGHTS).unlink()
    if content is not None:
        (copy / WEIGHTS).write_bytes(content)
    assert "weights" in run(copy, code=1).stderr


@pytest.mark.parametrize("frame", [0, NUM_FRAMES - 1])
@pytest.mark.parametrize("by", [1e-3, np.nan], ids=str)
def test_one_other_logit_is_a_difference(run, copy, frame, by):
    logits = np.load(copy / GOLDEN_LOGITS)
    logits[frame, 3] += by * np.abs(logits).max()
    np.save(copy / GOLDEN_LOGITS, logits)
    assert "DIFFERENT" in run(copy, code=1).stdout
