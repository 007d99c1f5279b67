"""The measuring scripts on the tiny bundle, with the engine that can run it."""

import pytest
from click.testing import CliRunner

from tsm_edge.runtime.bench import read_record


@pytest.fixture
def run(monkeypatch, tiny, tmp_path):
    """Call a script's command and give the names of what it wrote."""

    def run_script(module, *arguments):
        monkeypatch.setattr(module, "BACKENDS", ("onnxruntime",))
        options = ["--bundle", tiny.path, "--results", tmp_path, *arguments]
        done = CliRunner().invoke(module.main, list(map(str, options)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return sorted(path.name for path in tmp_path.iterdir())

    return run_script


def test_latency_writes_one_record_a_number_of_threads(run, tmp_path, record):
    import latency
    import result_files

    names = run(latency, "--threads", 2, "--frames", 4)
    expected = result_files.result_name("latency", read_record(tmp_path / names[0]))
    assert names == [f"{expected}.json", f"{expected}.png"]
    assert expected.startswith("latency-tiny-fp32-")
    assert expected.endswith("-t2")


def test_streaming_writes_one_record_a_length(run, tmp_path):
    import streaming_vs_window

    names = run(streaming_vs_window, "--segments", 2, "--segments", 3, "--frames", 4)
    records = [read_record(tmp_path / name) for name in names if name.endswith(".json")]
    assert [record.conditions.num_segments for record in records] == [2, 3]
    assert all("streaming-vs-" in name for name in names)


def test_tvm_default_computes_the_same(tiny, record):
    import tvm_default

    from tsm_edge.runtime.bench import BenchOptions, benchmark

    options = BenchOptions(backends=("onnxruntime",), num_frames=2, warmup=0, cold_start=False)
    extra = {"tvm-default": lambda: tvm_default.open_backend(tiny)}
    ours, default = benchmark(tiny, options, extra_engines=extra).backends
    assert (ours.name, default.name) == ("onnxruntime", "tvm-default")
    assert default.max_relative_error <= 1e-5
