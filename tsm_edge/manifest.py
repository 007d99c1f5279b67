"""`manifest.json`: all that is known of a bundle, checked on the way in."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tsm_edge.errors import BundleError
from tsm_edge.specs import Count, ModelSpec, Positive
from tsm_edge.targets import TargetSpec

__all__ = [
    "MANIFEST_NAME",
    "SCHEMA_VERSION",
    "FileRecord",
    "GpuRecord",
    "KernelRecord",
    "Manifest",
    "ResourceRecord",
    "TunedRecord",
    "Verification",
    "manifest_fields",
    "read_manifest",
    "write_manifest",
]

MANIFEST_NAME = "manifest.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """One file of the bundle."""

    size_bytes: Count
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, kw_only=True)
class TunedRecord:
    """Where a kernel's tiles come from if they were measured.

    Attributes:
        tiles: Pixels x channels of each tile.
        rule_ms: What the kernel took with the rule's own tiles.
        tuned_ms: What it took with these.
        trials: How many were tried.
        device: Where they were measured.
        measured_at: ISO 8601.
    """

    tiles: tuple[str, ...]
    rule_ms: float
    tuned_ms: float
    trials: Count
    device: str
    measured_at: str


@dataclass(frozen=True, kw_only=True)
class KernelRecord:
    """One call of the plan.

    Attributes:
        name: Name of the kernel's function, unique per shape.
        rule: The rule that scheduled it; "unscheduled" where none applied.
        layer: What the call computes, in the network's words.
        flop: Floating point operations per frame (a multiply-add counts two).
        bytes_moved: Activations and weights read and written once.
        tuned: Set if the kernel's tiles were measured and are not the rule's own.
    """

    name: str
    rule: str
    layer: str
    flop: Count
    bytes_moved: Count
    tuned: TunedRecord | None = None


@dataclass(frozen=True, kw_only=True)
class ResourceRecord:
    """What a GPU kernel needs, by NVIDIA's assembler for the target's GPU: the driver's own may differ.

    Attributes:
        registers: Of a thread.
        shared_bytes: Of a block.
        spill_bytes: Registers of a thread that did not fit.
    """

    registers: Count
    shared_bytes: Count
    spill_bytes: Count


@dataclass(frozen=True, kw_only=True)
class GpuRecord:
    """The half of a bundle that runs on a GPU.

    Attributes:
        arch: Least compute capability, such as "sm_53".
        ptx_version: Of kernels.ptx, such as "6.5": older drivers refuse it.
        arena_bytes: Activations, once per model.
        weight_bytes: Size of gpu_weights.bin.
        state_bytes: Shift buffers of a stream.
        kernels: The launches of a frame in their order.
        resources: By kernel's name; empty if the assembler was not installed.
    """

    arch: str
    ptx_version: str
    arena_bytes: Count
    weight_bytes: Count
    state_bytes: Count
    kernels: tuple[KernelRecord, ...]
    resources: dict[str, ResourceRecord] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was replayed on the compiling machine before the bundle was written.

    Attributes:
        method: "native", "qemu-aarch64 (emulated)" or "not run", on the processor.
        num_frames: Length of the golden stream.
        max_relative_error: Largest difference to ONNX Runtime's logits, as a share of the largest logit.
        gpu_method: The GPU's name, or "not run" and why; empty for a target without one.
        gpu_max_relative_error: The same difference on the GPU.
    """

    method: str
    num_frames: Count = 0
    max_relative_error: float | None = None
    gpu_method: str = ""
    gpu_max_relative_error: float | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything a device needs to know before it opens the library.

    Attributes:
        precision: "fp32", or "fp16" for the GPU's arithmetic: the processor's stays float32.
        threads: Default number of threads.
        abi_version: Version of the C interface in the library.
        arena_bytes: Activations, once per model.
        weight_bytes: Size of the packed weights.
        versions: Tool versions by package name.
        gpu: The half for the target's GPU, if it has one.
        files: Every file but the manifest, by its path inside the bundle.
    """

    model: ModelSpec
    target: TargetSpec
    precision: str
    threads: Positive
    abi_version: Count
    arena_bytes: Count
    weight_bytes: Count
    kernels: tuple[KernelRecord, ...]
    files: dict[str, FileRecord]
    verification: Verification
    versions: dict[str, str] = field(default_factory=dict)
    gpu: GpuRecord | None = None
    schema_version: int = SCHEMA_VERSION


def manifest_fields(manifest: Manifest) -> dict[str, Any]:
    """What is written: first, for people, what is to be known of the weights; nobody reads that back."""
    return {"weights_note": manifest.model.weights_note, **msgspec.to_builtins(manifest)}


def write_manifest(manifest: Manifest, directory: Path) -> Path:
    """Write `manifest` into `directory` and return the file's path."""
    path = directory / MANIFEST_NAME
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest_fields(manifest)), indent=2) + b"\n")
    return path


def read_manifest(directory: Path) -> Manifest:
    """Read and check the manifest of the bundle in `directory`.

    Raises:
        BundleError: No manifest there, not JSON, a field missing or of another type, another schema version,
            or fields that contradict each other.
    """
    path = directory / MANIFEST_NAME
    if not directory.is_dir():
        raise BundleError(f"no bundle at {directory}: not a directory; make one with `tsm-edge compile`")
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{directory} is not a bundle: {path.name} {error.strerror or error}") from error
    try:
        version = msgspec.json.decode(text, type=dict).get("schema_version")
        if version != SCHEMA_VERSION:
            raise BundleError(
                f"{path} has schema version {version!r}, this tsm-edge reads {SCHEMA_VERSION}; "
                "compile the bundle again"
            )
        manifest = msgspec.json.decode(text, type=Manifest)
        _check_model(manifest.model)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{path} is broken: {error}; compile the bundle again") from error
    return manifest


def _check_model(model: ModelSpec) -> None:
    if len(model.labels) != model.num_classes:
        raise msgspec.ValidationError(f"{len(model.labels)} labels for {model.num_classes} classes")
    if model.preprocess.flow is not None:
        raise msgspec.ValidationError("its network sees optical flow, which no bundle computes")
    crop, resize = model.preprocess.crop_size, model.preprocess.resize_short_side
    if crop > resize:
        raise msgspec.ValidationError(f"crop_size {crop} exceeds resize_short_side {resize}")
