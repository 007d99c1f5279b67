import shutil
from dataclasses import replace

import numpy as np
import pytest

from tsm_edge.bundle import GOLDEN_LOGITS, RUN_TOOL
from tsm_edge.errors import CompileError
from tsm_edge.export.golden import NUM_FRAMES
from tsm_edge.export.verification import replay_golden_stream
from tsm_edge.targets import TARGETS, host_target


@pytest.fixture
def copy(compiled_path, tmp_path):
    return shutil.copytree(compiled_path, tmp_path / "copy")


def refused(directory):
    with pytest.raises(CompileError) as caught:
        replay_golden_stream(directory, host_target())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bundle_for_this_machine_is_replayed(compiled_path):
    verification = replay_golden_stream(compiled_path, host_target())
    assert (verification.method, verification.num_frames) == ("native", NUM_FRAMES)
    assert 0 < verification.max_relative_error <= 1e-5


@pytest.mark.parametrize("by", [1e-3, np.nan], ids=str)
def test_other_answers_are_refused(copy, by):
    logits = np.load(copy / GOLDEN_LOGITS)
    logits[2, 0] += by * np.abs(logits).max()
    np.save(copy / GOLDEN_LOGITS, logits)
    assert "host" in refused(copy)


@pytest.mark.parametrize(
    "content", ["", "#!/bin/sh\nkill -SEGV $$\n", "#!/bin/sh\necho '{}'\n", "no program"]
)
def test_tool_that_does_not_run_is_refused(copy, content):
    (copy / RUN_TOOL).write_text(content)
    assert "does not run (native)" in refused(copy)


def foreign():
    return TARGETS["jetson-nano" if host_target().architecture == "x86_64" else "x86-64-v3"]


def test_without_an_emulator_nothing_is_claimed(compiled_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    verification = replay_golden_stream(compiled_path, foreign())
    assert verification.method.startswith("not run: this machine cannot run code for the target")
    assert (verification.num_frames, verification.max_relative_error) == (0, None)
    if foreign().architecture == "aarch64":
        assert verification.method.endswith("install qemu-aarch64 to emulate it")


def test_processor_without_the_instructions_is_not_asked_to_run_them(compiled_path, monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: sse4_2\n\n")
    monkeypatch.setattr("tsm_edge.targets.host.missing_here.__defaults__", (cpuinfo,))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    target = replace(TARGETS["x86-64-v4"], name="host")
    assert replay_golden_stream(compiled_path, target).method.startswith("not run")
