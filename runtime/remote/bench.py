"""A benchmark of a bundle on another machine: pushed there, replayed and timed by its own tsm-run, reported as here.

    look at the machine -> tsm-run: golden stream compared, frames timed -> look again -> record

Nothing of Python is in what is timed, and nothing but the bundle need be there.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from tsm_edge.bundle import RUN_TOOL, Bundle
from tsm_edge.environment import package_versions
from tsm_edge.errors import RemoteError, UsageError, VerificationError
from tsm_edge.runtime.bench.benchmark import bundle_record, machine_record
from tsm_edge.runtime.bench.cold_start import ColdStart
from tsm_edge.runtime.bench.options import BenchOptions
from tsm_edge.runtime.bench.provenance import checkout_commit
from tsm_edge.runtime.bench.record import BackendRecord, BenchRecord, Conditions, Latency
from tsm_edge.runtime.bench.statistics import summarise_latency
from tsm_edge.runtime.bench.verdict import judge
from tsm_edge.runtime.remote.connection import Connection, last_line
from tsm_edge.runtime.remote.probe import Look, look_at
from tsm_edge.runtime.remote.push import push_bundle

__all__ = ["benchmark_remotely"]

ENGINE = "tvm"
REFERENCE = "the golden stream (ONNX Runtime on the compiling machine)"


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What `tsm-run --json` prints of a replay; csrc/tsm_run.c says more.

    Attributes:
        equal: Whether the golden stream came out as it should.
        relative_error: Largest difference as a share of the largest logit; None where it is not finite.
        samples_ms: Each frame's time, the first one's included.
        compute: "cpu", or "gpu" and its name.
        compute_note: Why it is not the GPU; empty where there is nothing to tell.
        affinity: "none" or "big-first".
        load_ms: Opening the model; like the next two None of a bundle that was made before they were measured.
        first_frame_ms: Opening a stream and its first step.
        peak_bytes: Most resident memory of the process; None where its kernel does not say.
    """

    threads: int
    equal: bool
    relative_error: float | None
    tolerance: float
    samples_ms: tuple[float, ...]
    compute: str = "cpu"
    compute_note: str = ""
    affinity: str = "none"
    load_ms: float | None = None
    first_frame_ms: float | None = None
    peak_bytes: int | None = None

    @property
    def cold_start(self) -> ColdStart | None:
        """What the process saw of its own start, as far as it says all of it."""
        load_ms, first_frame_ms, peak_bytes = self.load_ms, self.first_frame_ms, self.peak_bytes
        if load_ms is None or first_frame_ms is None or peak_bytes is None:
            return None
        return ColdStart(load_ms=load_ms, first_frame_ms=first_frame_ms, peak_bytes=peak_bytes)


def benchmark_remotely(
    bundle: Bundle,
    connection: Connection,
    options: BenchOptions | None = None,
    *,
    affinity: bool = False,
    announce: Callable[[str], None] = lambda _: None,
) -> BenchRecord:
    """Time a bundle on another machine, after its golden stream was found equal there.

    Args:
        bundle: What is run; pushed first where it is not there.
        connection: The machine.
        options: Threads, frames, warmup, target and command; what needs this machine's engines is refused.
        affinity: Keep the threads on the biggest processors.
        announce: Told what happens next, in a few words.

    Raises:
        VerificationError: The golden stream comes out differently there.
        BundleMismatchError: The machine has another processor or system.
        RemoteError: The connection was lost, there is no room, or the tool does not run there.
        UsageError: An option that another machine cannot serve.
    """
    options = options or BenchOptions()
    _check_options(options)
    started_at = datetime.now().astimezone().isoformat(timespec="seconds")
    path = push_bundle(bundle, connection, announce).path
    before = look_at(connection)
    announce(f"timing {options.num_frames} frames on {before.device.name}")
    replay = _replay(path, connection, options, affinity)
    return _record(bundle, connection, options, started_at, before, replay, look_at(connection))


def _check_options(options: BenchOptions) -> None:
    local = {"--backend": options.backends not in ((), (ENGINE,)), "--source": options.source is not None}
    local |= {"--paced": options.paced_fps is not None, "--profile": options.profile}
    asked = [name for name, is_asked in local.items() if is_asked]
    if asked:
        raise UsageError(f"{', '.join(asked)}: another machine times its library's own frames; leave it out")


def _replay(path: str, connection: Connection, options: BenchOptions, affinity: bool) -> Replay:
    words = ["--json", "--frames", str(options.warmup + options.num_frames)]
    words += ["--threads", str(options.threads)] if options.threads else []
    words += ["--affinity"] if affinity else []
    words += ["--device", options.device] if options.device != "auto" else []
    # A machine that emulates another one says so by this variable: then the record does, too.
    script = (
        f"cd {shlex.quote(path)} && exec ${{TSM_EDGE_EMULATOR:-}} ./{RUN_TOOL} . {' '.join(words)} </dev/null"
    )
    answer = connection.run(script)
    try:
        replay = msgspec.json.decode(answer.stdout, type=Replay)
    except msgspec.MsgspecError as error:
        reason = last_line(answer.stderr) or f"{RUN_TOOL} ended with {answer.code}: {error}"
        raise RemoteError(
            f"{connection.name}: {reason}; compile the bundle for this machine, see `tsm-edge targets`"
        ) from error
    if not replay.equal:
        found = "NaN" if replay.relative_error is None else f"{replay.relative_error:.1e}"
        raise VerificationError(
            f"{connection.name}: the golden stream differs by {found} of the largest logit, accepted is "
            f"{replay.tolerance:.0e}; nothing is reported; compile the bundle again"
        )
    return replay


def _record(
    bundle: Bundle,
    connection: Connection,
    options: BenchOptions,
    started_at: str,
    before: Look,
    replay: Replay,
    after: Look,
) -> BenchRecord:
    samples_ms = replay.samples_ms[options.warmup :]
    latency = Latency(summary=summarise_latency(samples_ms), samples_ms=samples_ms)
    measured = BackendRecord(
        name=ENGINE,
        threads=replay.threads,
        max_relative_error=replay.relative_error or 0.0,
        latency=latency,
        cold_start=replay.cold_start,
        compute=replay.compute,
    )
    target = options.target or bundle.manifest.target
    return BenchRecord(
        started_at=started_at,
        commit=checkout_commit(),
        versions=package_versions(),
        machine=machine_record(before.device, before.state, after.state, connection.way),
        bundle=bundle_record(bundle),
        conditions=Conditions(
            command=options.command,
            threads=replay.threads,
            num_frames=options.num_frames,
            warmup=options.warmup,
            reference=REFERENCE,
            source="the golden stream",
            paced_fps=None,
            num_segments=0,
            affinity=replay.affinity,
        ),
        backends=(measured,),
        verdict=judge(target, before.device, ENGINE, latency.summary.p50_ms),
        skipped={"the GPU": replay.compute_note} if replay.compute_note else {},
    )
