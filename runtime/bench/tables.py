"""A benchmark for people: rich tables and the sentences that must stand beside them."""

from collections.abc import Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tsm_edge.runtime.bench.hints import hints
from tsm_edge.runtime.bench.record import BackendRecord, BenchRecord, Machine
from tsm_edge.runtime.bench.statistics import LatencySummary

__all__ = ["print_record", "render_record"]

MEBIBYTE = 1 << 20
KIBIBYTE = 1 << 10
KERNELS_SHOWN = 15

VERDICT_STYLES = {
    "pass": "bold green",
    "fail": "bold red",
    "not this device": "bold yellow",
    "no target latency": "dim",
}

Rows = Iterable[tuple[str, ...]]


def print_record(record: BenchRecord, console: Console) -> None:
    """Write all tables of `record` to `console`."""
    console.print(render_record(record))


def render_record(record: BenchRecord) -> Group:
    """Heading, tables, hints and verdict, in this order; tables without content are left out."""
    return Group(
        *_heading(record),
        *filter(None, (make(record) for make in TABLES)),
        *(_kernel_table(backend) for backend in record.backends if backend.kernels),
        Text(),
        *(Text(f"skipped {name}: {reason}", style="yellow") for name, reason in record.skipped.items()),
        *(Text(f"hint: {hint}", style="yellow") for hint in hints(record)),
        # One line however long the device's name is: scripts read the last one.
        Text(
            record.verdict.sentence,
            style=VERDICT_STYLES[record.verdict.status],
            no_wrap=True,
            overflow="ignore",
        ),
    )


def _heading(record: BenchRecord) -> Iterator[RenderableType]:
    bundle, conditions, device = record.bundle, record.conditions, record.machine.device
    yield Text(f"{bundle.name}  ({bundle.model}, {bundle.target}, {bundle.precision})", style="bold")
    if bundle.weights_note:
        yield Text(bundle.weights_note, style="bold yellow")
    cpu = "" if device.cpu in device.name else f", {device.cpu}"
    soc = f", {device.soc}" if device.soc and device.soc not in device.name else ""
    way = f", over {record.machine.way}" if record.machine.way else ""
    yield Text(f"{device.name}{soc}{cpu}, {device.cores} cores; {device.system}{way}")
    state = "; ".join(_machine_state(record.machine))
    if state:
        yield Text(state)
    order = "interleaved" if len(record.backends) > 1 else "back to back"
    order = f"{conditions.paced_fps:g} frames a second" if conditions.paced_fps else order
    yield Text(
        f"{conditions.num_frames} frames of {conditions.source} after {conditions.warmup}, {order}, "
        f"threads: {conditions.threads}{', big cores first' if conditions.affinity == 'big-first' else ''}"
        f"{''.join(f', {backend.compute}' for backend in record.backends if backend.compute)}"
    )
    largest = max((backend.max_relative_error for backend in record.backends), default=0.0)
    yield Text(f"outputs agree with {conditions.reference} within {largest:.0e} of the largest logit")
    yield Text(
        f"weights {bundle.weight_bytes / MEBIBYTE:.1f} MiB, arena {bundle.arena_bytes / MEBIBYTE:.1f} MiB, "
        f"state {bundle.state_bytes / KIBIBYTE:.0f} KiB a stream"
    )


def _machine_state(machine: Machine) -> Iterator[str]:
    """Clock governor, the hottest zone before and after, throttling and battery, as far as the machine tells."""
    before, after = machine.before, machine.after
    if before.governors:
        yield f"governor {', '.join(before.governors)}"
    zones = before.temperatures_c.keys() & after.temperatures_c.keys()
    if zones:
        hottest = max(sorted(zones), key=lambda zone: after.temperatures_c[zone])
        span = f"{before.temperatures_c[hottest]:.0f} to {after.temperatures_c[hottest]:.0f} °C"
        yield f"{span} ({hottest})"
    if machine.throttled is not None:
        yield "throttled" if machine.throttled else "not throttled"
    if after.battery:
        yield f"battery {after.battery.percent} %{', charging' if after.battery.charging else ''}"


def _latency_table(record: BenchRecord) -> Group:
    latencies = {backend.name: backend.latency for backend in record.backends} | record.stages
    columns = ("", "p50", "p90", "p95", "p99", "min", "mean", "max", "frames/s")
    rows = (_latency_row(name, latency.summary) for name, latency in latencies.items())
    return _table("latency, ms a frame", columns, rows)


def _latency_row(name: str, summary: LatencySummary) -> tuple[str, ...]:
    percentiles = (summary.p50_ms, summary.p90_ms, summary.p95_ms, summary.p99_ms)
    others = (summary.min_ms, summary.mean_ms, summary.max_ms)
    return (name, *(f"{value:.2f}" for value in percentiles + others), f"{summary.frames_per_second:.1f}")


def _deadline_table(record: BenchRecord) -> Group | None:
    paced = [(backend, backend.deadlines) for backend in record.backends if backend.deadlines]
    rows = (
        (
            backend.name,
            f"{deadlines.num_missed} of {deadlines.response.summary.num_samples}",
            f"{deadlines.response.summary.p50_ms:.2f}",
            f"{deadlines.response.summary.p99_ms:.2f}",
        )
        for backend, deadlines in paced
    )
    return _table("deadlines", ("", "missed", "response p50 ms", "p99 ms"), rows) if paced else None


def _cold_start_table(record: BenchRecord) -> Group | None:
    cold = [(backend.name, backend.cold_start) for backend in record.backends if backend.cold_start]
    fields = {
        "process ms": [_number(start.process_ms, ".0f") for _, start in cold],
        "load ms": [_number(start.load_ms, ".0f") for _, start in cold],
        "first frame ms": [_number(start.first_frame_ms, ".1f") for _, start in cold],
        "peak MiB": [_number(start.peak_bytes / MEBIBYTE, ".0f") for _, start in cold],
        "engine MiB": [
            _number(start.growth_bytes and start.growth_bytes / MEBIBYTE, ".0f") for _, start in cold
        ],
    }
    told = {"": [name for name, _ in cold]} | {name: texts for name, texts in fields.items() if any(texts)}
    rows = zip(*told.values(), strict=True)
    return _table("cold start and memory, each in a process of its own", tuple(told), rows) if cold else None


def _number(value: float | None, form: str) -> str:
    """Nothing where another machine's `tsm-run` cannot tell."""
    return "" if value is None else f"{value:{form}}"


def _window_table(record: BenchRecord) -> Group | None:
    medians = [
        (backend.name, backend.latency.summary.p50_ms, backend.window.summary.p50_ms)
        for backend in record.backends
        if backend.window
    ]
    rows = ((name, f"{step:.2f}", f"{window:.2f}", f"{window / step:.1f}") for name, step, window in medians)
    columns = ("", "streaming", f"{record.conditions.num_segments}-frame window", "times")
    title = "streaming against recomputing, p50 ms for one new frame"
    return _table(title, columns, rows) if medians else None


def _energy_table(record: BenchRecord) -> Group | None:
    measured = [(backend, backend.energy) for backend in record.backends if backend.energy]
    rows = (
        (
            backend.name,
            energy.rail,
            f"{energy.joule_per_frame:.3f}",
            f"{energy.mean_w:.2f}",
            f"{energy.idle_w:.2f}",
        )
        for backend, energy in measured
    )
    return _table("energy", ("", "rail", "J a frame", "mean W", "idle W"), rows) if measured else None


def _kernel_table(backend: BackendRecord) -> Group:
    slowest = sorted(backend.kernels, key=lambda kernel: -kernel.p50_ms)[:KERNELS_SHOWN]
    rows = (
        (
            kernel.layer or kernel.name,
            kernel.rule,
            f"{kernel.p50_ms:.3f}",
            f"{kernel.share:.1%}",
            f"{kernel.gflop_per_s:.1f}",
            f"{kernel.gbyte_per_s:.1f}",
        )
        for kernel in slowest
    )
    total = sum(kernel.p50_ms for kernel in backend.kernels)
    title = f"{backend.name}: slowest {len(slowest)} of {len(backend.kernels)} kernels, {total:.2f} ms in all"
    return _table(title, ("layer", "rule", "ms", "share", "GFLOP/s", "GB/s"), rows, texts=2)


def _table(title: str, columns: tuple[str, ...], rows: Rows, *, texts: int = 1) -> Group:
    """A titled plain table whose first `texts` columns are words and the others numbers."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for index, column in enumerate(columns):
        # Numbers keep their width; in a narrow terminal the words wrap.
        table.add_column(column, justify="left" if index < texts else "right", no_wrap=index >= texts)
    for row in rows:
        table.add_row(*row)
    return Group(Text(f"\n{title}", style="bold"), table)


TABLES = (_latency_table, _deadline_table, _cold_start_table, _window_table, _energy_table)
