"""The same record as at home, made on another machine: a real tsm-run behind ssh, and behind adb's stand-in."""

import re
import shutil
from io import StringIO

import numpy as np
import pytest
from remote_machines import rewritten
from rich.console import Console

from tsm_edge.bundle import GOLDEN_LOGITS, RUN_TOOL, Bundle
from tsm_edge.errors import RemoteError, UsageError, VerificationError
from tsm_edge.runtime.bench import BenchOptions, read_record, write_record
from tsm_edge.runtime.bench.tables import print_record
from tsm_edge.runtime.remote import AdbConnection, SshConnection, benchmark_remotely
from tsm_edge.targets import TARGETS

QUICK = BenchOptions(num_frames=6, warmup=2, threads=1, command="tsm-edge bench")


@pytest.fixture
def real(compiled_path, tmp_path):
    """A bundle whose tool runs here."""
    return Bundle.open(shutil.copytree(compiled_path, tmp_path / "real"))


def text_of(record):
    output = StringIO()
    print_record(record, Console(file=output, width=200))
    return output.getvalue()


def test_a_board_s_record_is_like_one_from_here(board, real, tmp_path):
    said = []
    with SshConnection("board") as connection:
        record = benchmark_remotely(real, connection, QUICK, announce=said.append)
    assert record.machine.way == "ssh"
    assert (record.conditions.num_frames, record.conditions.warmup, record.conditions.threads) == (6, 2, 1)
    (measured,) = record.backends
    assert measured.latency.summary.num_samples == len(measured.latency.samples_ms) == 6
    assert 0 < measured.max_relative_error <= 1e-5
    assert measured.compute == "cpu"
    assert min(measured.cold_start.load_ms, measured.cold_start.first_frame_ms) > 0
    assert 1 << 20 < measured.cold_start.peak_bytes < 100 << 20
    assert record.verdict.status == "no target latency"
    assert said[-1] == f"timing 6 frames on {record.machine.device.name}"
    write_record(record, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == record
    text = text_of(record)
    assert "over ssh" in text
    assert "back to back" in text
    (columns,) = re.findall(r"cold start and memory.*\n(.*)", text)
    assert columns.split() == ["load", "ms", "first", "frame", "ms", "peak", "MiB"]
    assert "outputs agree with the golden stream" in text


@pytest.fixture
def on_phone(phone, real):
    phone.program("dumpsys", "echo 'status: 3\nlevel: 40'")
    return rewritten(real.path, target=TARGETS["galaxy-note8"])


def test_a_promise_counts_on_its_own_device(on_phone):
    with AdbConnection() as connection:
        record = benchmark_remotely(on_phone, connection, QUICK)
        again = benchmark_remotely(on_phone, connection, QUICK, affinity=True)
    # What ran was this machine's processor behind the stand-in's name: only the judgement is tested here.
    assert (record.verdict.status, record.verdict.device) == ("pass", "SM-N950F")
    assert record.machine.way == "adb"
    assert "SM-N950F, exynos8895" in text_of(record)
    assert "battery 40 %" in text_of(record)
    assert (record.conditions.affinity, again.conditions.affinity) == ("none", "big-first")
    assert "big cores first" in text_of(again)


def test_another_target_s_promise_does_not_count(on_phone):
    options = BenchOptions(num_frames=2, warmup=0, target=TARGETS["jetson-nano"])
    with AdbConnection() as connection:
        assert benchmark_remotely(on_phone, connection, options).verdict.status == "not this device"


def test_a_tool_of_before_says_nothing_of_its_start(board, real):
    """It is in bundles that were compiled before `tsm-run` measured that."""
    shutil.move(real.path / RUN_TOOL, real.path.parent / RUN_TOOL)
    drop = "s/, .load_ms.: [^,]*, .first_frame_ms.: [^,]*, .peak_bytes.: [^,]*//"
    program = f"#!/bin/sh\n{real.path.parent}/{RUN_TOOL} \"$@\" | sed '{drop}'\n"
    (real.path / RUN_TOOL).write_text(program)
    with SshConnection("board") as connection:
        record = benchmark_remotely(rewritten(real.path), connection, QUICK)
    assert record.backends[0].cold_start is None
    assert "cold start" not in text_of(record)


def test_wrong_logits_are_not_timed(board, real):
    np.save(real.path / GOLDEN_LOGITS, np.load(real.path / GOLDEN_LOGITS) * 1.001)
    with SshConnection("board") as connection:
        with pytest.raises(VerificationError, match="board: the golden stream differs by"):
            benchmark_remotely(rewritten(real.path), connection, QUICK)


@pytest.mark.parametrize(
    "content", [b"\x7fELF of another machine", b"#!/bin/sh\necho 'no such thing' >&2; exit 1\n"]
)
def test_a_tool_that_does_not_run_there(board, real, content):
    (real.path / RUN_TOOL).write_bytes(content)
    with SshConnection("board") as connection:
        with pytest.raises(RemoteError, match="compile the bundle for this machine"):
            benchmark_remotely(rewritten(real.path), connection, QUICK)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"backends": ("onnxruntime",)}, "--backend"),
        ({"source": "video.mp4"}, "--source"),
        ({"paced_fps": 30.0}, "--paced"),
        ({"profile": True}, "--profile"),
    ],
)
def test_what_only_this_machine_can_do_is_refused(board, real, fields, name):
    with SshConnection("board") as connection:
        with pytest.raises(UsageError, match=f"^{name}: another machine"):
            benchmark_remotely(real, connection, BenchOptions(**fields))
