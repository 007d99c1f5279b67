"""The phases of a benchmark on engines that are open already; each gives one value an engine, by name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tsm_edge.bundle import Bundle
from tsm_edge.errors import UsageError
from tsm_edge.manifest import KernelRecord
from tsm_edge.runtime.backends.base import BackendStream, Float32Array, device_of
from tsm_edge.runtime.backends.table import BACKENDS
from tsm_edge.runtime.bench.agreement import check_agreement
from tsm_edge.runtime.bench.cold_start import ColdStart, measure_cold_start
from tsm_edge.runtime.bench.frames import VideoFrames
from tsm_edge.runtime.bench.kernels import KernelTime, ProfilingStream, profile_kernels
from tsm_edge.runtime.bench.options import BenchOptions
from tsm_edge.runtime.bench.record import BackendRecord, Deadlines, Latency
from tsm_edge.runtime.bench.reference import reference_run
from tsm_edge.runtime.bench.statistics import summarise_latency
from tsm_edge.runtime.bench.timing import time_interleaved, time_paced, time_windows
from tsm_edge.runtime.device_power import Energy, find_power_rail, measure_energy

__all__ = ["Measurements", "Setup", "measure"]

# A window is many frames, so fewer of them give a median that is as steady.
FRAMES_PER_WINDOW = 20
LEAST_WINDOWS = 5


@dataclass(frozen=True)
class Setup:
    """What is measured with what.

    Attributes:
        threads: The same for every engine.
        streams: One stream of each engine, by name.
        frames: Endless network input, (1, 3, H, W) float32.
        announce: Told what happens next, in a few words.
    """

    bundle: Bundle
    options: BenchOptions
    threads: int
    streams: Mapping[str, BackendStream]
    frames: Iterator[Float32Array]
    announce: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """What was measured, before it is put beside the conditions.

    Attributes:
        reference: What the outputs were compared with.
        stages: Decoding and preprocessing, for frames of a video.
    """

    reference: str
    backends: tuple[BackendRecord, ...]
    stages: dict[str, Latency]


@dataclass(frozen=True)
class _Timed:
    latencies: dict[str, Latency]
    deadlines: dict[str, Deadlines]
    stages: dict[str, Latency]


def measure(setup: Setup) -> Measurements:
    """Compare, then time.

    Raises:
        VerificationError: An engine's logits are not the reference's.
        UsageError: Kernels are to be timed and no engine can time its own.
        SourceError: The video cannot be read.
    """
    _check_profilable(setup)
    reference, differences = _compare(setup)
    cold_starts = _cold_starts(setup)
    timed = _time_paced(setup) if setup.options.paced_fps else _time_interleaved(setup)
    windows, energies, kernels = _windows(setup), _energies(setup), _kernels(setup)
    backends = tuple(
        BackendRecord(
            name=name,
            threads=setup.threads,
            compute=_compute(setup, name),
            max_relative_error=differences[name],
            latency=timed.latencies[name],
            window=windows.get(name),
            cold_start=cold_starts.get(name),
            deadlines=timed.deadlines.get(name),
            energy=energies.get(name),
            kernels=kernels.get(name, ()),
        )
        for name in setup.streams
    )
    return Measurements(reference=reference, backends=backends, stages=timed.stages)


def _compare(setup: Setup) -> tuple[str, dict[str, float]]:
    setup.announce("comparing outputs with the reference")
    reference = reference_run(setup.bundle, setup.frames, setup.threads)
    return reference.name, check_agreement(
        setup.streams, reference.frames, reference.logits, setup.bundle.manifest.precision
    )


def _cold_starts(setup: Setup) -> dict[str, ColdStart]:
    if not setup.options.cold_start:
        return {}
    setup.announce("starting each engine in a process of its own")
    names = [name for name in setup.streams if name in BACKENDS]
    return {
        name: measure_cold_start(setup.bundle, name, setup.threads, _device(setup, name)) for name in names
    }


def _compute(setup: Setup, name: str) -> str:
    """Which half of a bundle that has two computed; other bundles and engines have one."""
    return str(getattr(setup.streams[name], "device", "")) if setup.bundle.manifest.target.gpu else ""


def _device(setup: Setup, name: str) -> str:
    return setup.options.device if name == "tvm" else "auto"


def _time_interleaved(setup: Setup) -> _Timed:
    _warm_up(setup)
    samples = time_interleaved(setup.streams, setup.frames, num_frames=setup.options.num_frames)
    return _Timed({name: _latency(samples[name]) for name in samples}, {}, _stages(setup.frames))


def _time_paced(setup: Setup) -> _Timed:
    fps = setup.options.paced_fps
    assert fps
    _warm_up(setup)
    latencies, deadlines = {}, {}
    for name, stream in setup.streams.items():
        run = time_paced(stream, setup.frames, fps=fps, num_frames=setup.options.num_frames)
        latencies[name] = _latency(run.latency_ms)
        response = _latency(run.response_ms)
        deadlines[name] = Deadlines(fps=fps, num_missed=run.num_missed, response=response)
    return _Timed(latencies, deadlines, _stages(setup.frames))


def _warm_up(setup: Setup) -> None:
    setup.announce(f"timing {setup.options.num_frames} frames on {', '.join(setup.streams)}")
    time_interleaved(setup.streams, setup.frames, num_frames=setup.options.warmup)
    if isinstance(setup.frames, VideoFrames):
        setup.frames.forget_timings()


def _stages(frames: Iterator[Float32Array]) -> dict[str, Latency]:
    if not isinstance(frames, VideoFrames):
        return {}
    return {"decode": _latency(frames.decode_ms), "preprocess": _latency(frames.preprocess_ms)}


def _windows(setup: Setup) -> dict[str, Latency]:
    """Not beside a paced run: a processor that rests between frames is slower, so the two do not compare."""
    if setup.options.paced_fps:
        return {}
    samples = time_windows(
        setup.streams,
        setup.frames,
        num_segments=setup.options.num_segments,
        num_windows=max(LEAST_WINDOWS, setup.options.num_frames // FRAMES_PER_WINDOW),
    )
    return {name: _latency(samples[name]) for name in samples}


def _energies(setup: Setup) -> dict[str, Energy]:
    rail = find_power_rail()
    if rail is None:
        return {}
    setup.announce(f"measuring energy on rail {rail.name}")
    steps = {name: partial(_step, stream, setup.frames) for name, stream in setup.streams.items()}
    try:
        return {name: measure_energy(rail, step) for name, step in steps.items()}
    except OSError as error:  # the rest of the benchmark is worth as much without
        setup.announce(f"no energy: {error}")
        return {}


def _step(stream: BackendStream, frames: Iterator[Float32Array]) -> None:
    stream.step(next(frames))


def _check_profilable(setup: Setup) -> None:
    if setup.options.profile and not _profiling_streams(setup):
        raise UsageError(
            f"{', '.join(setup.streams)} cannot time single kernels; --profile needs --backend tvm"
        )


def _kernels(setup: Setup) -> dict[str, tuple[KernelTime, ...]]:
    if not setup.options.profile:
        return {}
    streams = _profiling_streams(setup)
    return {
        name: profile_kernels(stream, setup.frames, _calls(setup, device_of(setup.streams[name])))
        for name, stream in streams.items()
    }


def _calls(setup: Setup, device: str) -> tuple[KernelRecord, ...]:
    manifest = setup.bundle.manifest
    return manifest.gpu.kernels if manifest.gpu and device.startswith("gpu") else manifest.kernels


def _profiling_streams(setup: Setup) -> dict[str, ProfilingStream]:
    return {name: stream for name, stream in setup.streams.items() if isinstance(stream, ProfilingStream)}


def _latency(samples_ms: Sequence[float]) -> Latency:
    """Summary and samples; a nanosecond is finer than any clock here, more digits would swell the record."""
    samples = tuple(round(sample, 6) for sample in samples_ms)
    return Latency(summary=summarise_latency(samples), samples_ms=samples)
