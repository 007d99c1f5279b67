import json

import pytest
from tiny_bundle import write_tiny_bundle

from tsm_edge.bundle import ONNX_MODEL


@pytest.fixture
def bundle(tmp_path):
    return write_tiny_bundle(tmp_path / "tiny")


def test_good_bundle_is_said_to_be_good(tsm_edge, bundle):
    done = tsm_edge("verify", bundle, "--backend", "onnxruntime")
    assert "untrained weights" in done.stdout
    assert "3 files intact" in done.stdout
    assert "golden stream of 6 frames on onnxruntime" in done.stdout


def test_json_is_for_machines(tsm_edge, bundle):
    report = json.loads(tsm_edge("verify", bundle, "--backend", "onnxruntime", "--json").stdout)
    assert report["num_frames"] == 6
    assert report["max_relative_error"] <= report["tolerance"]


def test_altered_bundle_fails_in_one_line(tsm_edge, bundle):
    data = bytearray((bundle / ONNX_MODEL).read_bytes())
    data[100] ^= 1
    (bundle / ONNX_MODEL).write_bytes(data)
    done = tsm_edge("verify", bundle, "--backend", "onnxruntime", code=1)
    assert done.stdout == ""
    assert done.stderr.startswith("tsm-edge: ")
    assert "was altered" in done.stderr
    assert done.stderr.count("\n") == 1


def test_unknown_backend_is_wrong_usage(tsm_edge, bundle):
    assert "choose one of tvm" in tsm_edge("verify", bundle, "--backend", "x", code=2).stderr
