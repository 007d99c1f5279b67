"""Counting other engines: the loop that runs them here as it runs in the ARM root, and what is refused."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from tsm_edge.bundle import ONNX_MODEL
from tsm_edge.errors import MissingDependencyError, VerificationError


@pytest.fixture
def instruction_peers():
    import instruction_peers

    return instruction_peers


@pytest.fixture
def counted(instruction_peers, monkeypatch, tmp_path):
    """Call `counted_peers` with the ARM root's interpreter replaced by this one, which executes nothing but loads."""
    import arm_root

    monkeypatch.setattr(instruction_peers, "arm_root", lambda: tmp_path)
    monkeypatch.setattr(instruction_peers, "python_of", lambda root: sys.executable)
    monkeypatch.setattr(instruction_peers, "converted_model", lambda model, folder: model)
    monkeypatch.setattr(arm_root, "ENGINES", ("onnxruntime",))
    calls = Counter()

    def count(command, plugin, options):
        command = [word for word in map(str, command) if word != "-S"]
        engine, frames = command[2], int(command[-1])
        calls[engine] += 1
        if engine == "ncnn":  # the tiny bundle's file is no model of ncnn's
            command[2] = "onnxruntime"
        subprocess.run(command, check=True)
        return {"load": 1000 + (7 if engine == "nothing" else 50) * frames}

    monkeypatch.setattr(instruction_peers, "count_instructions", count)
    return lambda bundle: (instruction_peers.counted_peers(bundle, 3, tmp_path), calls)


def test_frames_of_every_engine_and_of_the_loop_are_counted(counted, tiny):
    counts, calls = counted(tiny)
    assert counts == {"ncnn": {"load": 50}, "onnxruntime": {"load": 50}, "python loop": {"load": 7}}
    assert set(calls.values()) == {2}


def test_other_logits_than_the_golden_streams_are_refused(instruction_peers, counted, tiny, monkeypatch):
    monkeypatch.setattr(
        instruction_peers, "normalise", lambda frame, spec: np.zeros((1, 3, *frame.shape[:2]), np.float32)
    )
    with pytest.raises(VerificationError, match="ncnn differs from the golden stream"):
        counted(tiny)


def test_arm_root_says_what_it_is_made_with(monkeypatch, tmp_path):
    import arm_root

    monkeypatch.setattr(arm_root, "_requirements", list)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=r"apt-get, dpkg-deb.* missing"):
        arm_root.arm_root(tmp_path / "root")


def test_engines_are_those_that_the_root_brings():
    import arm_engine
    import arm_root

    assert set(arm_engine.ENGINES) == {*arm_root.ENGINES, "nothing"}


def test_onnx_file_is_the_bundles(tiny):
    import arm_engine

    infer = arm_engine.onnxruntime_engine(str(tiny.file(ONNX_MODEL)))
    shapes = [tiny.manifest.model.input_shape, *tiny.manifest.model.state.shapes]
    logits, *buffers = infer([np.zeros(shape, np.float32) for shape in shapes])
    assert logits.shape == (1, tiny.manifest.model.num_classes)
    assert [buffer.shape for buffer in buffers] == list(tiny.manifest.model.state.shapes)
