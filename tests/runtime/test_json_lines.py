import json
import subprocess
import sys
import time

import numpy as np
import pytest

from tsm_edge.errors import OutputError
from tsm_edge.runtime.events import Event
from tsm_edge.runtime.json_lines import JsonLinesWriter
from tsm_edge.runtime.prediction import Prediction

PREDICTION = Prediction(
    frame=3,
    timestamp_s=0.1,
    logits=np.array([0.5, -1.25], np.float32),
    top=(("Thumb Up", 0.75), ("No gesture", 0.25)),
    smoothed_label="Thumb Up",
    events=(Event(kind="started", label="Thumb Up", frame=3, timestamp_s=0.1),),
    latency_ms={"decode": 1.0, "preprocess": 0.5, "infer": 3.0, "postprocess": 0.25},
)


def lines_of(path):
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_line_has_all_fields(tmp_path):
    with JsonLinesWriter(tmp_path / "new" / "out.jsonl") as lines:
        lines.write(PREDICTION)
        # In the file at once, for whoever follows it.
        (line,) = lines_of(tmp_path / "new" / "out.jsonl")
    assert line == {
        "frame": 3,
        "timestamp_s": 0.1,
        "label": "Thumb Up",
        "score": 0.75,
        "smoothed_label": "Thumb Up",
        "top": [["Thumb Up", 0.75], ["No gesture", 0.25]],
        "latency_ms": {"decode": 1.0, "preprocess": 0.5, "infer": 3.0, "postprocess": 0.25},
        "event": {"kind": "started", "label": "Thumb Up", "frame": 3, "timestamp_s": 0.1},
    }


def test_logits_come_when_asked_for(tmp_path):
    with JsonLinesWriter(tmp_path / "out.jsonl", logits=True) as lines:
        lines.write(PREDICTION)
    assert lines_of(tmp_path / "out.jsonl")[0]["logits"] == [0.5, -1.25]


def test_old_file_is_replaced(tmp_path):
    (tmp_path / "out.jsonl").write_text("old")
    with JsonLinesWriter(tmp_path / "out.jsonl"):
        pass
    assert lines_of(tmp_path / "out.jsonl") == []


def test_dash_is_standard_output(capfdbinary):
    with JsonLinesWriter("-") as lines:
        lines.write(PREDICTION)
    assert json.loads(capfdbinary.readouterr().out)["frame"] == 3


def test_unwritable_place_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        JsonLinesWriter(tmp_path / "file" / "out.jsonl")


PROGRAM = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from tsm_edge.errors import OutputError
from tsm_edge.runtime.json_lines import JsonLinesWriter
from tsm_edge.runtime.prediction import Prediction
limit = int(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
logits = np.zeros(27, np.float32)
try:
    with JsonLinesWriter(sys.argv[1], logits=True) as lines:
        for frame in range(10**9):
            lines.write(Prediction(frame=frame, timestamp_s=0.0, logits=logits, top=(("a", 1.0),),
                                   smoothed_label="a", events=()))
except OutputError as error:
    print(error)
"""


def test_full_disk_leaves_whole_lines(tmp_path):
    path = tmp_path / "out.jsonl"
    command = [sys.executable, "-c", PROGRAM, str(path), "10000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "choose another --json" in done.stdout
    assert "\n" not in done.stdout.rstrip("\n")
    lines = lines_of(path)
    assert [line["frame"] for line in lines] == list(range(len(lines)))
    assert len(lines) > 10


def test_kill_leaves_whole_lines(tmp_path):
    path = tmp_path / "out.jsonl"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(path), "0"]) as process:
        while not (path.exists() and path.stat().st_size > 20_000):
            time.sleep(0.01)
        process.kill()
    lines = lines_of(path)
    assert [line["frame"] for line in lines] == list(range(len(lines)))
