import json
import shutil
import subprocess

import numpy as np
import pytest

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS, RUN_TOOL, WEIGHTS, Bundle
from tsm_edge.export.golden import NUM_FRAMES


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
    first, second, third = run(compiled_path).stdout.splitlines()
    plural = "s" if threads > 1 else ""
    assert first == f"target host, {threads} thread{plural}, {NUM_FRAMES} frames; untrained weights"
    assert second.startswith("golden stream equal")
    assert third.startswith("latency_ms p50 ")


def test_json_is_for_machines(run, compiled_path):
    said = json.loads(run(compiled_path, "--json", "--threads", 2, "--frames", 20).stdout)
    assert (said["target"], said["threads"], said["frames"]) == ("host", 2, 20)
    assert said["relative_error"] <= 1e-5
    assert 0 < said["latency_ms"]["p50"] <= said["latency_ms"]["p90"] <= said["latency_ms"]["p99"]


def test_threads_give_the_same_bits(run, compiled_path):
    errors = {
        json.loads(run(compiled_path, "--json", "--threads", n).stdout)["relative_error"] for n in (1, 2, 4)
    }
    assert len(errors) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["{bundle}", "{bundle}"],
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
    assert done.stderr.startswith("usage: tsm-run BUNDLE")
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
