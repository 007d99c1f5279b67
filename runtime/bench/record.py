"""What one benchmark leaves behind: every condition and every sample, as JSON holds it without loss."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tsm_edge.errors import OutputError
from tsm_edge.files import file_written_aside
from tsm_edge.runtime.bench.cold_start import ColdStart
from tsm_edge.runtime.bench.kernels import KernelTime
from tsm_edge.runtime.bench.statistics import LatencySummary
from tsm_edge.runtime.bench.verdict import Verdict
from tsm_edge.runtime.device import Device
from tsm_edge.runtime.device_power import Energy
from tsm_edge.runtime.device_state import DeviceState

__all__ = [
    "BackendRecord",
    "BenchRecord",
    "BundleRecord",
    "Conditions",
    "Deadlines",
    "Latency",
    "Machine",
    "read_record",
    "write_record",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Latency:
    """A summary and the samples that it was made from, in the order of the run."""

    summary: LatencySummary
    samples_ms: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Deadlines:
    """How an engine kept up with a camera.

    Attributes:
        fps: Frames that fell due in a second.
        num_missed: Frames whose logits came after the next frame was due.
        response: From the moment each frame was due to its logits.
    """

    fps: float
    num_missed: int
    response: Latency


@dataclass(frozen=True, kw_only=True)
class BackendRecord:
    """One engine.

    Attributes:
        max_relative_error: Largest difference to the reference's logits, as a share of the largest logit.
        latency: One streaming step.
        window: `num_segments` steps from zero buffers: a frame's cost where nothing is kept between frames;
            None for a paced run, whose latencies it cannot be compared with.
        cold_start: None for an engine that is no backend of the runtime.
        compute: "cpu", or "gpu" and its name; empty where the engine does not tell.
    """

    name: str
    threads: int
    max_relative_error: float
    latency: Latency
    window: Latency | None = None
    cold_start: ColdStart | None = None
    deadlines: Deadlines | None = None
    energy: Energy | None = None
    kernels: tuple[KernelTime, ...] = ()
    compute: str = ""


@dataclass(frozen=True, kw_only=True)
class BundleRecord:
    """What was run.

    Attributes:
        name: Name of the bundle's folder.
        sha256: Of its manifest, which holds those of all other files.
        weights_note: Empty for trained weights.
        weight_bytes: Packed weights, once per model.
        arena_bytes: Activations, once per model.
        state_bytes: Shift buffers, once per stream.
    """

    name: str
    sha256: str
    model: str
    weights_note: str
    target: str
    precision: str
    weight_bytes: int
    arena_bytes: int
    state_bytes: int


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How it was run.

    Attributes:
        reference: What the outputs were compared with before timing.
        source: "noise" from a seed, or the video's name.
        num_segments: Length of the recomputed window; 0 where none was.
        affinity: "big-first" where the threads were kept on the biggest processors.
    """

    command: str
    threads: int
    num_frames: int
    warmup: int
    reference: str
    source: str
    paced_fps: float | None
    num_segments: int
    affinity: str = "none"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where it was run.

    Attributes:
        way: "ssh" or "adb" where it is another machine than the one that wrote the record; else empty.
        throttled: Whether the machine held itself back; None where it does not tell.
        stolen_share: Share of the cores' time that a hypervisor gave to others, 0 to 1.
    """

    device: Device
    before: DeviceState
    after: DeviceState
    throttled: bool | None
    stolen_share: float | None
    way: str = ""


@dataclass(frozen=True, kw_only=True)
class BenchRecord:
    """One benchmark.

    Attributes:
        started_at: Local time with offset, ISO 8601.
        commit: Of the checkout that the code ran from, "-dirty" if changed since; empty outside of one.
        versions: Package versions by name.
        stages: Decoding and preprocessing, where the frames came from a video.
        skipped: Engines that could not run here, with the reason.
    """

    started_at: str
    commit: str
    versions: dict[str, str]
    machine: Machine
    bundle: BundleRecord
    conditions: Conditions
    backends: tuple[BackendRecord, ...]
    verdict: Verdict
    stages: dict[str, Latency] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


def write_record(record: BenchRecord, path: Path) -> None:
    """Write `record` as JSON.

    Raises:
        OutputError: The file cannot be written; an older one stays as it was.
    """
    with file_written_aside(path) as aside:
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def read_record(path: Path) -> BenchRecord:
    """Read what `write_record` wrote.

    Raises:
        OutputError: No such file, or not a benchmark's record.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=BenchRecord)
    except (OSError, msgspec.MsgspecError) as error:
        raise OutputError(f"{path} is no benchmark's record: {error}; write one with bench --json") from error
