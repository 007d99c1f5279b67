"""How close is each kernel to what one core can do, and what does the temporal shift cost?

    python benchmarks/kernels.py [--bundle DIR] [--frames N] [--results DIR]

One thread. Before each frame a loop of multiply-adds in registers shows the core's peak, then the library times its
own calls; a kernel's floor is its arithmetic at that peak. After that the online step and the same network without
shift, compiled by the same rules, step in turn; their outputs are compared first.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from fma_peak import FmaPeak
from kernels_record import KernelSpeed, KernelsRecord
from record_files import write_record
from result_files import RESULTS, announce, called, device_name, opened_bundle
from unshifted import check_against_online, unshifted_bundle

from tsm_edge.bundle import Bundle
from tsm_edge.cli.exits import run_and_exit
from tsm_edge.environment import package_versions
from tsm_edge.manifest import KernelRecord
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.backends.compiled import CompiledStream, open_backend
from tsm_edge.runtime.bench.benchmark import bundle_record
from tsm_edge.runtime.bench.frames import noise_frames
from tsm_edge.runtime.bench.provenance import checkout_commit
from tsm_edge.runtime.bench.record import Latency, Machine
from tsm_edge.runtime.bench.statistics import summarise_latency
from tsm_edge.runtime.bench.timing import time_interleaved
from tsm_edge.runtime.device import recognise_device
from tsm_edge.runtime.device_state import read_device_state, seen_throttling, stolen_share

WARMUP = 20


@click.command()
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Default: the host bundle in the user's cache."
)
@click.option("--frames", type=click.IntRange(min=1), default=200, show_default=True, help="Frames timed.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the file goes.")
def main(bundle: Path | None, frames: int, results: Path) -> None:
    """Time every kernel beside the core's peak, and the network without shift."""
    record = measure(opened_bundle(bundle), frames)
    bundle_name = f"{record.bundle.model}-{record.bundle.precision}-{record.bundle.target}"
    path = results / f"kernels-{bundle_name}-{device_name(record.machine.device)}-t1.json"
    write_record(record, path)
    announce(f"wrote {path}: the shift takes {record.shift_ratio - 1:+.1%}")


def measure(bundle: Bundle, num_frames: int) -> KernelsRecord:
    """Time kernels, peak and shift on one thread.

    Raises:
        BundleMismatchError: The bundle was made for another machine.
        VerificationError: The network without shift computes something else.
        CompileError: It, or the peak loop, cannot be compiled.
    """
    started_at = datetime.now().astimezone().isoformat(timespec="seconds")
    device, before = recognise_device(), read_device_state()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        announce("compiling the peak loop and the network without shift")
        peak = FmaPeak(bundle.manifest.target, folder)
        online = _opened(bundle, stack)
        unshifted = _opened(unshifted_bundle(bundle, folder / "unshifted"), stack)
        frames = noise_frames(bundle.manifest.model)
        check_against_online(unshifted, online, next(frames), len(bundle.manifest.model.state.shapes))
        announce(f"timing {num_frames} frames")
        peak_speed, medians = _time_kernels(online, peak, frames, num_frames)
        streams = {"online": online, "unshifted": unshifted}
        time_interleaved(streams, frames, num_frames=WARMUP)
        samples = time_interleaved(streams, frames, num_frames=num_frames)
    after = read_device_state()
    return KernelsRecord(
        started_at=started_at,
        commit=checkout_commit(),
        command=called(__file__),
        versions=package_versions(),
        machine=Machine(
            device=device,
            before=before,
            after=after,
            throttled=seen_throttling(before, after),
            stolen_share=stolen_share(before, after),
        ),
        bundle=bundle_record(bundle),
        num_frames=num_frames,
        peak_gflop_per_s=peak_speed,
        kernels=tuple(
            _speed(kernel, float(seconds), peak_speed)
            for kernel, seconds in zip(bundle.manifest.kernels, medians, strict=True)
        ),
        online=_latency(samples["online"]),
        unshifted=_latency(samples["unshifted"]),
    )


def _opened(bundle: Bundle, stack: ExitStack) -> CompiledStream:
    backend = stack.enter_context(closing(open_backend(bundle, threads=1)))
    return stack.enter_context(closing(backend.open_stream()))


def _time_kernels(
    stream: CompiledStream, peak: FmaPeak, frames: Iterator[Float32Array], num_frames: int
) -> tuple[float, np.ndarray]:
    """Median of the peak in GFLOP/s, and of each call in seconds."""
    peaks, seconds = [], []
    for frame in islice(frames, WARMUP + num_frames):
        peaks.append(peak.gflop_per_s())
        stream.step(frame)  # finds caches and clock as they are in a stream, not behind the loop
        seconds.append(stream.profile(frame))
    return float(np.median(peaks[WARMUP:])), np.median(seconds[WARMUP:], axis=0)


def _speed(kernel: KernelRecord, seconds: float, peak: float) -> KernelSpeed:
    seconds = max(seconds, 1e-9)  # the clock's own step
    speed = kernel.flop / seconds / 1e9
    return KernelSpeed(
        name=kernel.name,
        rule=kernel.rule,
        layer=kernel.layer,
        flop=kernel.flop,
        bytes_moved=kernel.bytes_moved,
        p50_ms=1e3 * seconds,
        gflop_per_s=speed,
        share_of_peak=speed / peak,
        gbyte_per_s=kernel.bytes_moved / seconds / 1e9,
    )


def _latency(samples_ms: list[float]) -> Latency:
    samples = tuple(round(sample, 6) for sample in samples_ms)
    return Latency(summary=summarise_latency(samples), samples_ms=samples)


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/kernels.py")
