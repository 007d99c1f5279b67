"""Whole benchmarks of the tiny bundle on real engines."""

import dataclasses
from functools import partial

import numpy as np
import pytest

from tsm_edge.errors import BundleMismatchError, SourceError, UsageError, VerificationError
from tsm_edge.manifest import MANIFEST_NAME
from tsm_edge.runtime.backends.table import open_backend
from tsm_edge.runtime.bench import BenchOptions, benchmark
from tsm_edge.runtime.device_power import Energy, PowerRail, measure_energy
from tsm_edge.targets import TARGETS

QUICK = BenchOptions(backends=("onnxruntime",), num_frames=8, warmup=1, cold_start=False)


class Wrong:
    """A real engine whose streams answer with other logits."""

    def __init__(self, backend):
        self.backend, self.name, self.spec, self.threads = backend, "wrong", backend.spec, backend.threads

    def open_stream(self):
        stream = self.backend.open_stream()
        step = stream.step
        stream.step = lambda frame: step(frame) + np.float32(0.1)
        return stream

    def close(self):
        self.backend.close()


@pytest.fixture
def opener(tiny):
    return partial(open_backend, "onnxruntime", tiny, 1)


def test_record_tells_what_ran_and_how(record, tiny):
    assert (record.bundle.name, record.bundle.model) == ("tiny", "tiny")
    assert record.bundle.weights_note == "untrained weights"
    assert record.bundle.state_bytes == tiny.manifest.model.state.size_bytes
    assert record.conditions.command == "tsm-edge bench tiny"
    assert (record.conditions.reference, record.conditions.source) == ("onnxruntime", "noise")
    assert record.versions["onnxruntime"]
    assert record.machine.device.cores >= 1
    assert (record.verdict.status, record.verdict.backend) == ("no target latency", "onnxruntime")


def test_record_keeps_every_sample(record):
    (backend,) = record.backends
    assert len(backend.latency.samples_ms) == backend.latency.summary.num_samples == 30
    assert backend.latency.summary.p50_ms == pytest.approx(np.median(backend.latency.samples_ms))
    assert backend.window is not None
    assert len(backend.window.samples_ms) >= 5
    assert backend.max_relative_error == 0  # the same engine as the reference


def test_two_engines_side_by_side(tiny, opener):
    record = benchmark(tiny, QUICK, extra_engines={"second": opener})
    assert [backend.name for backend in record.backends] == ["onnxruntime", "second"]
    assert [len(backend.latency.samples_ms) for backend in record.backends] == [8, 8]


def test_disagreeing_engine_stops_everything(tiny, opener):
    with pytest.raises(VerificationError, match="backend wrong differs"):
        benchmark(tiny, QUICK, extra_engines={"wrong": lambda: Wrong(opener())})


def test_threads_default_to_the_bundles(tiny):
    assert benchmark(tiny, QUICK).conditions.threads == tiny.manifest.threads
    given = benchmark(tiny, dataclasses.replace(QUICK, threads=2))
    assert (given.conditions.threads, given.backends[0].threads) == (2, 2)


def test_paced_run_counts_deadlines(tiny):
    (backend,) = benchmark(tiny, dataclasses.replace(QUICK, paced_fps=1000.0)).backends
    assert backend.deadlines is not None
    assert backend.deadlines.fps == 1000
    late = [response for response in backend.deadlines.response.samples_ms if response > 1]
    assert backend.deadlines.num_missed == len(late)
    assert backend.window is None


def test_video_brings_its_own_stages(tiny, video):
    record = benchmark(tiny, dataclasses.replace(QUICK, source=str(video), num_frames=20))
    assert record.conditions.source == "noise.avi"
    assert set(record.stages) == {"decode", "preprocess"}
    assert all(len(stage.samples_ms) == 20 for stage in record.stages.values())


def test_password_of_a_camera_stays_out_of_the_record(tiny):
    from tsm_edge.runtime.bench.benchmark import _source_name

    assert _source_name("rtsp://user:secret@camera/1") == "rtsp://camera/1"


def test_unreadable_video_is_one_line(tiny, tmp_path):
    with pytest.raises(SourceError, match="no video"):
        benchmark(tiny, dataclasses.replace(QUICK, source=str(tmp_path / "none.mp4")))


def test_profile_needs_an_engine_that_can(tiny):
    with pytest.raises(UsageError, match="--profile needs --backend tvm"):
        benchmark(tiny, dataclasses.replace(QUICK, profile=True))


def test_verdict_of_a_given_target(tiny):
    record = benchmark(tiny, dataclasses.replace(QUICK, target=TARGETS["jetson-nano"]))
    assert (record.verdict.status, record.verdict.target) == ("not this device", "jetson-nano")
    assert record.verdict.device == record.machine.device.name


def test_bundle_for_another_machine_cannot_be_timed(tiny):
    def other_machine():
        raise BundleMismatchError("made for aarch64")

    record = benchmark(tiny, QUICK, extra_engines={"tvm": other_machine})
    assert record.skipped == {"tvm": "made for aarch64"}


def test_board_with_rails_tells_energy(tiny, tmp_path, monkeypatch):
    (tmp_path / "power").write_text("5000\n")
    rail = PowerRail("VDD_IN", (tmp_path / "power",))
    monkeypatch.setattr("tsm_edge.runtime.bench.measure.find_power_rail", lambda: rail)
    short = partial(measure_energy, duration_s=0.05, idle_s=0.01)
    monkeypatch.setattr("tsm_edge.runtime.bench.measure.measure_energy", short)
    (backend,) = benchmark(tiny, QUICK).backends
    assert isinstance(backend.energy, Energy)
    assert backend.energy.mean_w == 5.0
    assert backend.energy.joule_per_frame > 0


def test_bundle_is_named_by_its_manifests_hash(record, tiny):
    import hashlib

    assert record.bundle.sha256 == hashlib.sha256((tiny.path / MANIFEST_NAME).read_bytes()).hexdigest()
