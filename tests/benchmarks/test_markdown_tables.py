from dataclasses import replace

import pytest


@pytest.fixture
def markdown():
    import markdown_tables

    return markdown_tables


def rows(table):
    """Cells of each row below the rule."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def with_threads(record, threads):
    return replace(record, conditions=replace(record.conditions, threads=threads))


def named(record, name):
    return replace(record, backends=(replace(record.backends[0], name=name),))


def test_caption_names_machine_conditions_date_and_command(markdown, record):
    caption = markdown.latency_table([record]).splitlines()[0]
    device = record.machine.device
    assert caption.startswith(f"tiny, fp32, untrained weights, on {device.name} ({device.cores} cores")
    assert "6 frames of noise" in caption
    assert record.started_at[:10] in caption
    assert "`python benchmarks/latency.py`" in caption


def test_numbers_are_the_records(markdown, record):
    ((name, p50, p95, fps, cold, memory),) = rows(markdown.latency_table([record]))
    backend = record.backends[0]
    assert name == f"ONNX Runtime {record.versions['onnxruntime']}"
    assert (p50, p95) == (f"{backend.latency.summary.p50_ms:.2f}", f"{backend.latency.summary.p95_ms:.2f}")
    assert float(fps) == pytest.approx(backend.latency.summary.frames_per_second, abs=0.5)
    assert float(cold) == pytest.approx(backend.cold_start.cold_start_ms, abs=0.5)
    assert float(memory) == pytest.approx(backend.cold_start.peak_bytes / 2**20, abs=0.5)


def test_numbers_of_threads_become_columns_in_order(markdown, record):
    table = markdown.latency_table([with_threads(record, 4), with_threads(record, 1)])
    header = table.splitlines()[2]
    assert header.index("1 thread: p50") < header.index("4 threads: p50")
    assert len(rows(table)) == 1


def test_engine_without_a_measurement_has_empty_cells(markdown, record):
    table = markdown.latency_table([record, named(with_threads(record, 4), "torch")])
    runtime, torch = rows(table)
    assert runtime[3:5] == ["", ""]
    assert torch[1:3] == ["", ""]
    assert torch[5:] == ["", "", ""]
    assert all(runtime[1:3] + torch[3:5])


def test_machines_do_not_mix(markdown, record):
    board = replace(record.machine.device, name="Another Board")
    other = replace(record, machine=replace(record.machine, device=board))
    table = markdown.latency_table([record, other])
    assert table.count("| --- |") == 2
    assert "on Another Board (" in table


def test_streaming_stands_beside_its_own_window(markdown, record):
    longer = replace(record, conditions=replace(record.conditions, num_segments=16))
    eight, sixteen = rows(markdown.streaming_table([longer, record]))
    assert (eight[2], sixteen[2]) == ("8 frames", "16 frames")
    step, window = record.backends[0].latency.summary.p50_ms, record.backends[0].window.summary.p50_ms
    assert eight[1:] == [f"{step:.2f}", "8 frames", f"{window:.2f}", f"{window / step:.1f}"]


def test_paced_run_has_no_window_to_show(markdown, record):
    paced = replace(record, backends=(replace(record.backends[0], window=None),))
    assert rows(markdown.streaming_table([paced])) == []


def taking(record, threads, **medians):
    """The record with engines that took these milliseconds."""
    (backend,) = record.backends
    latencies = {
        name: replace(backend.latency, summary=replace(backend.latency.summary, p50_ms=median))
        for name, median in medians.items()
    }
    backends = tuple(replace(backend, name=name, latency=latency) for name, latency in latencies.items())
    return replace(with_threads(record, threads), backends=backends)


def test_peers_are_compared_by_the_fastest(markdown, record):
    one = taking(record, 1, tvm=3.0, onnxruntime=5.0, ncnn=4.0)
    two = taking(record, 2, tvm=2.0, onnxruntime=2.5, ncnn=2.75)
    table = markdown.peers_table([two, one])
    assert "With 1 thread the median is 0.75 of that of the fastest peer, ncnn." in table
    assert "With 2 threads the median is 0.80 of that of the fastest peer, ONNX Runtime." in table
    assert [(row[1], row[3]) for row in rows(table)] == [("3.00", "2.00"), ("5.00", "2.50"), ("4.00", "2.75")]


def test_bundle_for_avx2_is_compared_with_what_was_held_to_it(markdown, record):
    held = taking(record, 1, **{"tvm": 6.0, "onnxruntime": 5.0, "openvino-avx2": 8.0})
    other = replace(record.bundle, target="x86-64-v3")
    table = markdown.peers_table([taking(record, 1, tvm=3.0, ncnn=4.0), replace(held, bundle=other)])
    assert "the median is 0.75 of that of the fastest peer, OpenVINO held to AVX2." in table
    assert "compiled for x86-64-v3" in table
    assert table.count("| --- |") == 2
