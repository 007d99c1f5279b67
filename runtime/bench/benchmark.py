"""A benchmark from end to end: open the engines, measure, put the numbers beside their conditions.

bundle -> streams of all engines -> outputs compared -> cold starts -> frames timed -> windows timed
       -> energy, kernels -> record
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from tsm_edge.bundle import Bundle
from tsm_edge.environment import package_versions
from tsm_edge.manifest import MANIFEST_NAME
from tsm_edge.runtime.bench.engines import DEFAULT_BACKENDS, Opener, backend_openers, open_engines
from tsm_edge.runtime.bench.frames import frames_of
from tsm_edge.runtime.bench.measure import Measurements, Setup, measure
from tsm_edge.runtime.bench.options import BenchOptions
from tsm_edge.runtime.bench.provenance import checkout_commit
from tsm_edge.runtime.bench.record import BenchRecord, BundleRecord, Conditions, Machine
from tsm_edge.runtime.bench.verdict import Verdict, judge
from tsm_edge.runtime.capture.camera import without_password
from tsm_edge.runtime.device import Device, recognise_device
from tsm_edge.runtime.device_state import DeviceState, read_device_state, seen_throttling, stolen_share

__all__ = ["benchmark", "bundle_record", "machine_record"]


def benchmark(
    bundle: Bundle,
    options: BenchOptions | None = None,
    *,
    extra_engines: Mapping[str, Opener] | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> BenchRecord:
    """Time a bundle's network on one or more engines, after their outputs were found to agree.

    Args:
        bundle: What is run.
        options: What is measured; None takes the defaults.
        extra_engines: Engines beside the runtime's backends, by name; they have no cold start.
        announce: Told what happens next, in a few words.

    Raises:
        VerificationError: An engine's logits are not the reference's; nothing was timed.
        BundleMismatchError: The bundle was made for another machine and no engine can run it here.
        MissingDependencyError: An engine that was asked for is not installed.
        DeviceError: A GPU was demanded and cannot be used.
        SourceError: The video cannot be read.
        UsageError: An unknown engine, or an option that makes no sense.
    """
    options = options or BenchOptions()
    threads = bundle.manifest.threads if options.threads is None else options.threads
    openers = backend_openers(options.backends or DEFAULT_BACKENDS, bundle, threads, options.device)
    openers.update(extra_engines or {})
    started_at = datetime.now().astimezone().isoformat(timespec="seconds")
    device, before = recognise_device(), read_device_state()
    with ExitStack() as stack:
        engines = stack.enter_context(open_engines(openers, skip_missing=not options.backends))
        frames = stack.enter_context(frames_of(bundle.manifest.model, options.source))
        setup = Setup(bundle, options, threads, engines.streams, frames, announce)
        measured = measure(setup)
    return BenchRecord(
        started_at=started_at,
        commit=checkout_commit(),
        versions=package_versions(),
        machine=machine_record(device, before, read_device_state()),
        bundle=bundle_record(bundle),
        conditions=_conditions(options, threads, measured.reference),
        backends=measured.backends,
        stages=measured.stages,
        verdict=_verdict(bundle, options, device, measured),
        skipped=engines.skipped,
    )


def machine_record(device: Device, before: DeviceState, after: DeviceState, way: str = "") -> Machine:
    """What a record says of the machine, from two looks at it."""
    return Machine(
        device=device,
        before=before,
        after=after,
        throttled=seen_throttling(before, after),
        stolen_share=stolen_share(before, after),
        way=way,
    )


def bundle_record(bundle: Bundle) -> BundleRecord:
    """What a record says of the bundle that was run."""
    manifest = bundle.manifest
    return BundleRecord(
        name=bundle.path.resolve().name,
        sha256=sha256((bundle.path / MANIFEST_NAME).read_bytes()).hexdigest(),
        model=manifest.model.name,
        weights_note=manifest.model.weights_note,
        target=manifest.target.name,
        precision=manifest.precision,
        weight_bytes=manifest.weight_bytes,
        arena_bytes=manifest.arena_bytes,
        state_bytes=manifest.model.state.size_bytes,
    )


def _conditions(options: BenchOptions, threads: int, reference: str) -> Conditions:
    return Conditions(
        command=without_password(options.command),
        threads=threads,
        num_frames=options.num_frames,
        warmup=options.warmup,
        reference=reference,
        source=_source_name(options.source),
        paced_fps=options.paced_fps,
        num_segments=options.num_segments,
    )


def _source_name(source: str | None) -> str:
    """What the source is, without where this machine keeps it and without a password."""
    if source is None:
        return "noise"
    return without_password(source) if "://" in source else Path(source).name


def _verdict(bundle: Bundle, options: BenchOptions, device: Device, measured: Measurements) -> Verdict:
    """The engine that was named first is judged."""
    judged = measured.backends[0]
    target = options.target or bundle.manifest.target
    return judge(target, device, judged.name, judged.latency.summary.p50_ms)
