"""Benchmark records as Markdown tables, each under a caption with its conditions."""

from collections.abc import Iterable, Sequence

from tsm_edge.runtime.bench import BenchRecord
from tsm_edge.runtime.bench.record import BackendRecord

__all__ = ["latency_table", "streaming_table"]

MEBIBYTE = 1 << 20

# What a reader knows each engine by, and the package whose version belongs to it.
ENGINES = {
    "tvm": ("**tsm-edge**, compiled by TVM", "apache-tvm"),
    "onnxruntime": ("ONNX Runtime", "onnxruntime"),
    "torch": ("PyTorch", "torch"),
    "tvm-default": ("TVM, its default `relax.build`", "apache-tvm"),
}


def latency_table(records: Sequence[BenchRecord]) -> str:
    """One row an engine, one pair of columns for each number of threads; one table a machine and model."""
    return "\n\n".join(_latency_of_one_machine(group) for group in _grouped(records))


def streaming_table(records: Sequence[BenchRecord]) -> str:
    """One row for each engine and length of the window; one table a machine and model."""
    return "\n\n".join(_streaming_of_one_machine(group) for group in _grouped(records))


def _latency_of_one_machine(records: Sequence[BenchRecord]) -> str:
    by_threads = sorted(records, key=lambda record: record.conditions.threads)
    first = by_threads[0]
    names = list(dict.fromkeys(backend.name for record in by_threads for backend in record.backends))
    header = ["ms a frame"]
    for record in by_threads:
        header += [f"{_threads(record)}: p50", "p95"]
    header += ["frames/s", "cold start ms", "memory MiB"]
    rows = [
        [_engine(name, first), *_latency_cells(name, by_threads), *_other_cells(name, first)]
        for name in names
    ]
    note = (
        f"Frames a second, cold start (load and first frame), peak memory of the process: {_threads(first)}."
    )
    return f"{_caption(first)} {note}\n\n{_markdown(header, rows)}"


def _latency_cells(name: str, records: Iterable[BenchRecord]) -> list[str]:
    cells = []
    for record in records:
        backend = _backend(name, record)
        summary = backend.latency.summary if backend else None
        cells += [f"{summary.p50_ms:.2f}", f"{summary.p95_ms:.2f}"] if summary else ["", ""]
    return cells


def _other_cells(name: str, record: BenchRecord) -> list[str]:
    backend = _backend(name, record)
    cold = backend.cold_start if backend else None
    return [
        f"{backend.latency.summary.frames_per_second:.0f}" if backend else "",
        f"{cold.cold_start_ms:.0f}" if cold else "",
        f"{cold.peak_bytes / MEBIBYTE:.0f}" if cold else "",
    ]


def _streaming_of_one_machine(records: Sequence[BenchRecord]) -> str:
    by_length = sorted(records, key=lambda record: record.conditions.num_segments)
    header = ["ms for one new frame, p50", "streaming", "window", "recomputed", "times"]
    rows = [
        _streaming_row(record, backend, backend.window.summary.p50_ms)
        for record in by_length
        for backend in record.backends
        if backend.window
    ]
    note = f"{_threads(by_length[0]).capitalize()}; a window is its steps from zero buffers."
    return f"{_caption(by_length[0])} {note}\n\n{_markdown(header, rows)}"


def _streaming_row(record: BenchRecord, backend: BackendRecord, window_ms: float) -> list[str]:
    step_ms = backend.latency.summary.p50_ms
    length = f"{record.conditions.num_segments} frames"
    return [
        _engine(backend.name, record),
        f"{step_ms:.2f}",
        length,
        f"{window_ms:.2f}",
        f"{window_ms / step_ms:.1f}",
    ]


def _caption(record: BenchRecord) -> str:
    """Model, machine, conditions, date and command: what a number is worth nothing without."""
    bundle, conditions, device = record.bundle, record.conditions, record.machine.device
    weights = f", {bundle.weights_note}" if bundle.weights_note else ""
    governors = "/".join(record.machine.before.governors)
    governor = f", governor {governors}" if governors else ""
    place = f"{device.cores} cores{', virtual machine' if device.virtual else ''}{governor}"
    return (
        f"{bundle.model}, {bundle.precision}{weights}, on {device.name} ({place}); "
        f"{conditions.num_frames} frames of {conditions.source}, interleaved, outputs compared first; "
        f"{record.started_at[:10]}, `{conditions.command}`."
    )


def _engine(name: str, record: BenchRecord) -> str:
    title, package = ENGINES.get(name, (name, ""))
    version = record.versions.get(package, "")
    return f"{title} {version}".strip()


def _backend(name: str, record: BenchRecord) -> BackendRecord | None:
    return next((backend for backend in record.backends if backend.name == name), None)


def _threads(record: BenchRecord) -> str:
    count = record.conditions.threads
    return "1 thread" if count == 1 else f"{count} threads"


def _grouped(records: Sequence[BenchRecord]) -> list[list[BenchRecord]]:
    """Records of the same machine, model and precision together, in the order of their first one."""
    groups: dict[tuple[str, ...], list[BenchRecord]] = {}
    for record in records:
        key = (record.machine.device.name, record.bundle.model, record.bundle.precision)
        groups.setdefault(key, []).append(record)
    return list(groups.values())


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and the others numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))
