import dataclasses

import pytest
from tiny_bundle import write_tiny_bundle

from tsm_edge import cache
from tsm_edge.manifest import read_manifest, write_manifest
from tsm_edge.runtime.bench import read_record
from tsm_edge.targets import TARGETS

QUICK = ("--backend", "onnxruntime", "--frames", "5", "--warmup", "1")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_bundle(tmp_path_factory.mktemp("bench") / "tiny")


def test_tables_on_stdout_progress_on_stderr_results_in_files(tsm_edge, tiny, tmp_path):
    json_path, plot_path = tmp_path / "record.json", tmp_path / "plot.png"
    done = tsm_edge("bench", tiny, *QUICK, "--json", json_path, "--plot", plot_path, COLUMNS="80")
    assert "latency, ms a frame" in done.stdout
    assert "untrained weights" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "comparing outputs with the reference ..." in done.stderr
    record = read_record(json_path)
    assert record.conditions.command.startswith("tsm-edge bench")
    assert record.backends[0].latency.summary.num_samples == 5
    assert plot_path.read_bytes().startswith(b"\x89PNG")


def test_check_never_passes_on_another_device(tsm_edge, tiny):
    done = tsm_edge("bench", tiny, *QUICK, "--target", "jetson-nano", "--check", code=3)
    assert done.stdout.splitlines()[-1].startswith("not this device: jetson-nano promises 13 ms")


def test_check_without_a_promise_never_passes(tsm_edge, tiny):
    assert "no target latency" in tsm_edge("bench", tiny, *QUICK, "--check", code=3).stdout


def test_without_check_another_device_is_no_failure(tsm_edge, tiny):
    tsm_edge("bench", tiny, *QUICK, "--target", "galaxy-note8", code=0)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The same bundle, made for a phone; no machine that runs these tests is one."""
    path = write_tiny_bundle(tmp_path_factory.mktemp("bench") / "phone")
    manifest = dataclasses.replace(read_manifest(path), target=TARGETS["galaxy-note8"])
    write_manifest(manifest, path)
    return path


def test_library_for_a_phone_fails_with_the_reason_and_checks_as_not_this_device(tsm_edge, elsewhere):
    failed = tsm_edge("bench", elsewhere, "--backend", "tvm", code=1)
    assert "was compiled for galaxy-note8" in failed.stderr.splitlines()[-1]
    checked = tsm_edge("bench", elsewhere, "--backend", "tvm", "--check", code=3)
    assert checked.stdout.startswith("not this device: galaxy-note8 promises 35 ms")
    assert "was compiled for galaxy-note8" in checked.stderr


def test_portable_engine_is_timed_where_the_library_cannot_run(tsm_edge, elsewhere):
    done = tsm_edge("bench", elsewhere, "--frames", "5", "--check", code=3, COLUMNS="400")
    assert "skipped tvm: " in done.stdout
    assert any(line.startswith("onnxruntime ") for line in done.stdout.splitlines())
    assert done.stdout.splitlines()[-1].startswith("not this device: galaxy-note8")


def test_without_a_bundle_the_cached_one_is_timed(tsm_edge, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache, "_compile", lambda target, path, announce: write_tiny_bundle(path))
    path = cache.host_bundle()
    done = tsm_edge("bench", *QUICK, XDG_CACHE_HOME=str(tmp_path))
    assert path.name in done.stdout
    assert "compiling" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--frames", "0"), 2, "--frames"),
        (("--threads", "0"), 2, "--threads"),
        (("--paced", "0"), 2, "cannot feed 0 frames a second"),
        (("--backend", "caffe"), 2, "unknown backend 'caffe'; choose one of tvm, onnxruntime, torch"),
        (("--target", "toaster"), 2, "unknown target 'toaster'"),
        (("--plot", "plot.txt"), 2, "end it in .png"),
        (("--profile", "--backend", "onnxruntime"), 2, "--profile needs --backend tvm"),
        (("--source", "none.mp4", "--backend", "onnxruntime"), 1, "no video at none.mp4"),
        (("--backend", "onnxruntime", "--backend", "onnxruntime"), 2, "named twice"),
    ],
)
def test_errors_are_one_line(tsm_edge, tiny, arguments, code, message):
    stderr = tsm_edge("bench", tiny, *arguments, code=code).stderr
    assert message in stderr.splitlines()[-1]
    assert "Traceback" not in stderr


def test_missing_bundle_is_one_line(tsm_edge, tmp_path):
    stderr = tsm_edge("bench", tmp_path / "none", code=1).stderr
    assert stderr.startswith("tsm-edge: no bundle at")
    assert stderr.count("\n") == 1
