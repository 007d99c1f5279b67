"""tsm_edge_lite.py as a Jetson Nano would run it: an ARM Python loads the ARM library, on an emulated A57."""

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tsm_edge.bundle import LITE
from tsm_edge.runtime import Session

ROOT = Path(__file__).parents[3]
# `make arm-python` puts it there, on Debian.
ARM_PYTHON = ROOT / "build" / "arm-python"

pytestmark = [
    pytest.mark.skipif(
        not (ARM_PYTHON / "finished").exists(), reason="no ARM Python here; try `make arm-python`"
    ),
    pytest.mark.skipif(
        shutil.which("qemu-aarch64") is None,
        reason="qemu-aarch64 is missing; on Debian: apt-get install qemu-user",
    ),
    pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine needs no emulator for ARM"),
]


@pytest.fixture
def run(bundle_for, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import arm_root

    python = [*arm_root.emulator_options(ARM_PYTHON), str(arm_root.python_of(ARM_PYTHON))]
    tool = bundle_for("jetson-nano").path / LITE

    def run_(*arguments):
        command = [
            "qemu-aarch64",
            "-cpu",
            "cortex-a57",
            *python,
            tool,
            "--threads",
            "1",
            "--json",
            *arguments,
        ]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    yield run_
    sys.modules.pop("arm_root", None)


def test_the_golden_stream_is_equal(run, bundle_for):
    (report,) = run()
    bundle = bundle_for("jetson-nano")
    assert report["num_frames"] == len(bundle.golden_frames)
    assert report["num_files"] == len(bundle.manifest.files)
    assert 0 < report["max_relative_error"] <= 1e-5


def test_pictures_are_predicted_as_by_the_package_with_onnx_runtime(run, bundle_for, tmp_path):
    path = bundle_for("jetson-nano").path
    with Session.load(path, backend="onnxruntime", threads=1) as session:
        short = session.spec.preprocess.resize_short_side  # nothing is resampled then
        frames = np.random.default_rng(6).integers(0, 256, (4, short, short + 10, 3), np.uint8)
        frames.tofile(tmp_path / "frames.bgr")
        stream = session.open_stream()
        expected = [stream.step(frame) for frame in frames]
    lines = run("--source", f"raw:{short + 10}x{short}:{tmp_path / 'frames.bgr'}")
    assert [line["label"] for line in lines] == [prediction.label for prediction in expected]
    assert [line["smoothed_label"] for line in lines] == [
        prediction.smoothed_label for prediction in expected
    ]
    # Probabilities: a relative error of the logits of 1e-5, and another machine's exponential.
    scores = [prediction.score for prediction in expected]
    assert [line["score"] for line in lines] == pytest.approx(scores, rel=1e-3)
