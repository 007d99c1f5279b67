"""Benchmark records as Markdown tables, each under a caption with its conditions."""

from collections.abc import Iterable, Sequence

from instruction_record import InstructionRecord
from kernels_record import KernelSpeed, KernelsRecord
from mca_record import McaRecord

from tsm_edge.runtime.bench import BenchRecord
from tsm_edge.runtime.bench.record import BackendRecord
from tsm_edge.runtime.device import Device

__all__ = [
    "HELD_TO_AVX2",
    "instructions_table",
    "kernels_table",
    "latency_table",
    "markdown",
    "mca_table",
    "peers_table",
    "streaming_table",
]

MEBIBYTE = 1 << 20

# Ends the name of an engine that uses AVX2 and no more.
HELD_TO_AVX2 = "-avx2"

# What a reader knows each engine by, and the package whose version belongs to it.
ENGINES = {
    "tvm": ("**tsm-edge**, compiled by TVM", "apache-tvm"),
    "onnxruntime": ("ONNX Runtime", "onnxruntime"),
    "torch": ("PyTorch", "torch"),
    "openvino": ("OpenVINO", "openvino"),
    "openvino-avx2": ("OpenVINO held to AVX2", "openvino"),
    "ncnn": ("ncnn", "ncnn"),
    "litert": ("LiteRT with XNNPACK", "ai-edge-litert"),
    "tvm-default": ("TVM, its default `relax.build`", "apache-tvm"),
}


def latency_table(records: Sequence[BenchRecord]) -> str:
    """One row an engine, one pair of columns for each number of threads; one table a machine and model."""
    return "\n\n".join(_latency_of_one_machine(group) for group in _grouped(records))


def peers_table(records: Sequence[BenchRecord]) -> str:
    """One row an engine, and above it what share of the fastest peer's time the bundle takes."""
    return "\n\n".join(_peers_on_one_machine(group) for group in _grouped(records))


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
    return f"{_caption(first)} {note}\n\n{markdown(header, rows)}"


def instructions_table(records: Sequence[InstructionRecord]) -> str:
    """One row a class of instructions, with its share; one table a count."""
    return "\n\n".join(_instructions_of_one_count(record) for record in records)


def _peers_on_one_machine(records: Sequence[BenchRecord]) -> str:
    by_threads = sorted(records, key=lambda record: record.conditions.threads)
    names = dict.fromkeys(backend.name for record in by_threads for backend in record.backends)
    header = ["ms a frame"]
    for record in by_threads:
        header += [f"{_threads(record)}: p50", "p95"]
    rows = [[_engine(name, by_threads[0]), *_latency_cells(name, by_threads)] for name in names]
    shares = " ".join(_share_of_fastest_peer(record) for record in by_threads)
    return f"{_caption(by_threads[0])} {shares}\n\n{markdown(header, rows)}"


def _share_of_fastest_peer(record: BenchRecord) -> str:
    """The first engine's median as a share of the least median of the others, in a sentence.

    Where engines were held to AVX2, the others are they alone.
    """
    ours, *peers = record.backends
    peers = [peer for peer in peers if peer.name.endswith(HELD_TO_AVX2)] or peers
    fastest = min(peers, key=lambda peer: peer.latency.summary.p50_ms)
    share = ours.latency.summary.p50_ms / fastest.latency.summary.p50_ms
    return (
        f"With {_threads(record)} the median is {share:.2f} of that of the fastest peer, "
        f"{ENGINES[fastest.name][0]}."
    )


def _instructions_of_one_count(record: InstructionRecord) -> str:
    engines = {
        "**tsm-edge**": record.per_frame,
        **{_peer_title(name, record): counts for name, counts in record.peers.items()},
    }
    header = ["million instructions a frame"]
    for title in engines:
        header += [title, "share"]
    rows = [
        [
            name.replace("_", " "),
            *(cell for counts in engines.values() for cell in _count_cells(name, counts)),
        ]
        for name in (*record.per_frame, "all")
    ]
    caption = (
        f"{record.model}, {record.precision}, compiled for {record.target}, **emulated**: instructions executed on "
        f"a {record.processor} of qemu {record.versions['qemu']}, one thread, from uint8 pixels to logits, mean of "
        f"{record.num_frames} frames; {record.started_at[:10]}, `{record.command}`."
    )
    return f"{caption}{_ratios(record)}\n\n{markdown(header, rows)}"


def kernels_table(records: Sequence[KernelsRecord]) -> str:
    """One row a kernel rule; single kernels stay in the result files. One table a machine and bundle."""
    return "\n\n".join(_kernels_of_one_bundle(record) for record in records)


def _kernels_of_one_bundle(record: KernelsRecord) -> str:
    rules = dict.fromkeys(kernel.rule for kernel in record.kernels)
    groups = {rule: [kernel for kernel in record.kernels if kernel.rule == rule] for rule in rules}
    rows = [_kernels_row(name, group, record) for name, group in {**groups, "all": record.kernels}.items()]
    caption = (
        f"{record.bundle.model}, {record.bundle.precision}, compiled for {record.bundle.target}, on "
        f"{_place(record.machine.device)}; 1 thread, medians of {record.num_frames} frames of noise; the core's peak, "
        f"measured in the same run, is {record.peak_gflop_per_s:.0f} GFLOP/s, the floor is the arithmetic at that "
        f"peak; bytes are activations and weights, each once. An online step takes {record.shift_ratio:.3f} of the "
        f"time of the same network without shift ({record.online.summary.p50_ms:.2f} and "
        f"{record.unshifted.summary.p50_ms:.2f} ms, interleaved); {record.started_at[:10]}, `{record.command}`."
    )
    header = ["kernels by rule", "calls", "ms", "floor ms", "time / floor", "GFLOP/s", "MB", "GB/s"]
    return f"{caption}\n\n{markdown(header, rows)}"


def _kernels_row(name: str, kernels: Sequence[KernelSpeed], record: KernelsRecord) -> list[str]:
    milliseconds = sum(kernel.p50_ms for kernel in kernels)
    floor = sum(record.floor_ms(kernel) for kernel in kernels)
    flop, moved = (sum(getattr(kernel, what) for kernel in kernels) for what in ("flop", "bytes_moved"))
    return [
        name,
        str(len(kernels)),
        f"{milliseconds:.3f}",
        f"{floor:.3f}" if flop else "",
        f"{milliseconds / floor:.2f}" if flop else "",
        f"{flop / milliseconds / 1e6:.0f}" if flop else "",
        f"{moved / 1e6:.2f}",
        f"{moved / milliseconds / 1e6:.0f}",
    ]


def mca_table(records: Sequence[McaRecord]) -> str:
    """One row a core; the kernels stay in the result files."""
    first = records[0]
    rows = [
        [
            f"{record.processor} ({record.target})",
            f"{record.fmla_per_cycle:.2f}",
            f"{sum(kernel.cycles for kernel in record.kernels) / 1e6:.1f}",
            f"{sum(kernel.floor_cycles for kernel in record.kernels) / 1e6:.1f}",
            f"{record.ratio:.2f}",
            f"{record.covered:.0%}",
        ]
        for record in records
    ]
    caption = (
        f"{first.model}, {first.precision}, one frame's kernels, **simulated** by llvm-mca "
        f"{first.versions['llvm-mca']}: cycles of the stretches of code that make most of the instructions, weighted "
        f"by how often they ran under qemu {first.versions['qemu']}; every load comes from the first cache. The floor "
        "is their vector multiply-adds at the rate of independent ones in the same simulation; "
        f"{first.started_at[:10]}, `{first.command}`."
    )
    header = ["core", "fmla a cycle", "million cycles", "floor", "cycles / floor", "of the instructions"]
    return f"{caption}\n\n{markdown(header, rows)}"


def _count_cells(name: str, counts: dict[str, float]) -> list[str]:
    total = sum(counts.values())
    count = total if name == "all" else counts.get(name, 0.0)
    return [f"{count / 1e6:.1f}", f"{count / total:.0%}"]


def _ratios(record: InstructionRecord) -> str:
    """What share of each peer's instructions the bundle executes, in a sentence."""
    ours = sum(record.per_frame.values())
    shares = [
        f"{ours / sum(counts.values()):.2f} of those of {ENGINES[name][0]}"
        for name, counts in record.peers.items()
        if name in ENGINES
    ]
    if not shares:
        return ""
    return (
        f" They are {' and '.join(shares)}, whose wheels for ARM run the same ONNX file on normalised floats, "
        "outputs compared first; the loop in Python around them is in their numbers."
    )


def _peer_title(name: str, record: InstructionRecord) -> str:
    return f"{ENGINES[name][0]} {record.versions[name]}" if name in ENGINES else name.capitalize()


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
    return f"{_caption(by_length[0])} {note}\n\n{markdown(header, rows)}"


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
    bundle, conditions = record.bundle, record.conditions
    weights = f", {bundle.weights_note}" if bundle.weights_note else ""
    target = "" if bundle.target == "host" else f", compiled for {bundle.target}"
    governors = "/".join(record.machine.before.governors)
    governor = f", governor {governors}" if governors else ""
    return (
        f"{bundle.model}, {bundle.precision}{weights}{target}, on {_place(record.machine.device, governor)}; "
        f"{conditions.num_frames} frames of {conditions.source}, interleaved, outputs compared first; "
        f"{record.started_at[:10]}, `{conditions.command}`."
    )


def _place(device: Device, governor: str = "") -> str:
    return f"{device.name} ({device.cores} cores{', virtual machine' if device.virtual else ''}{governor})"


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
    """Records of the same machine, target, model and precision together, in the order of their first one."""
    groups: dict[tuple[str, ...], list[BenchRecord]] = {}
    for record in records:
        bundle = record.bundle
        key = (record.machine.device.name, bundle.target, bundle.model, bundle.precision)
        groups.setdefault(key, []).append(record)
    return list(groups.values())


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and the others numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))
