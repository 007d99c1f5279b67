"""Where a bundle will run: boards and processors as a table.

Adding a board is one entry here and nothing else; its tests are made from this table. A raw TVM target (JSON)
works too, see `parse_target`.
"""

import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from tsm_edge.errors import UnknownTargetError, UsageError

__all__ = ["TARGETS", "TargetSpec", "get_target", "host_target", "parse_target"]

Libc = Literal["gnu", "bionic"]


@dataclass(frozen=True, kw_only=True)
class TargetSpec:
    """One board or processor.

    Attributes:
        triple: LLVM target triple.
        cpu: LLVM's -mcpu: picks instructions and their order.
        features: LLVM's -mattr, such as "+neon".
        vector_bits: Width of a float vector register.
        vector_registers: How many of them the architecture has.
        l1d_bytes, l2_bytes: Data caches that one core can count on.
        threads: Default number of threads, the physical big cores.
        libc: "gnu" links against glibc 2.17 symbols at most, "bionic" against Android's unversioned ones.
        latency_target_ms: What a frame may take on this device, if somebody promised it.
        device_match: Substrings of the device's own name by which a benchmark knows it is on it.
        note: What a report must say, such as a half that is missing.
        source: Where the numbers come from.
    """

    name: str
    description: str
    triple: str
    cpu: str
    features: tuple[str, ...] = ()
    vector_bits: int
    vector_registers: int
    l1d_bytes: int
    l2_bytes: int
    threads: int
    libc: Libc = "gnu"
    latency_target_ms: float | None = None
    device_match: tuple[str, ...] = ()
    note: str = ""
    source: str

    @property
    def architecture(self) -> str:
        """First part of the triple: "aarch64" or "x86_64"."""
        return self.triple.partition("-")[0]

    @property
    def vector_floats(self) -> int:
        """How many float32 one vector register holds."""
        return self.vector_bits // 32


def _cortex_a57(name: str, description: str, **fields: Any) -> TargetSpec:
    """Jetson Nano's processor: four Cortex-A57 at 1.43 GHz, 32 KiB L1D, 2 MiB shared L2 (NVIDIA's data sheet)."""
    return TargetSpec(
        name=name,
        description=description,
        triple="aarch64-linux-gnu",
        cpu="cortex-a57",
        features=("+neon",),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=32 << 10,
        l2_bytes=512 << 10,
        threads=4,
        device_match=("Jetson Nano",),
        source="NVIDIA Jetson Nano data sheet DA-09366",
        **fields,
    )


def _x86_64(level: int, cpu: str, vector_bits: int, registers: int, description: str) -> TargetSpec:
    """A psABI microarchitecture level; caches are those of the smallest common cores of that level."""
    return TargetSpec(
        name=f"x86-64-v{level}",
        description=description,
        triple="x86_64-linux-gnu",
        cpu=cpu,
        # LLVM keeps to 256 bits at v4 unless told otherwise, for cores that slowed down; the kernels ask for 512.
        features=("-prefer-256-bit",) if level == 4 else (),
        vector_bits=vector_bits,
        vector_registers=registers,
        l1d_bytes=32 << 10,
        l2_bytes=512 << 10,
        threads=1,
        source="x86-64 psABI, microarchitecture levels",
    )


def _galaxy_note8(name: str, cpu: str, description: str, **fields: Any) -> TargetSpec:
    """Galaxy Note8: four big cores either way, ARMv8.0 with NEON."""
    return TargetSpec(
        name=name,
        description=description,
        triple="aarch64-linux-android",
        cpu=cpu,
        features=("+neon",),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=32 << 10,
        l2_bytes=512 << 10,
        threads=4,
        libc="bionic",
        latency_target_ms=35.0,  # Lin, Gan and Han, TSM, abstract of the journal version
        device_match=("SM-N950", "SC-01K", "SCV37"),
        **fields,
    )


_TABLE = (
    _cortex_a57(
        "jetson-nano",
        "NVIDIA Jetson Nano (its CPU until the GPU half exists)",
        latency_target_ms=13.0,  # Lin, Gan and Han, TSM, abstract of the journal version: on the Nano's GPU
        note="the GPU half does not exist yet: this bundle runs on the four Cortex-A57 cores",
    ),
    _cortex_a57("jetson-nano-cpu", "NVIDIA Jetson Nano, four Cortex-A57 cores"),
    TargetSpec(
        name="jetson-orin-nano-cpu",
        description="NVIDIA Jetson Orin Nano, six Cortex-A78AE cores",
        triple="aarch64-linux-gnu",
        cpu="cortex-a78ae",
        features=("+neon", "+dotprod", "+fullfp16"),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=64 << 10,
        l2_bytes=256 << 10,
        threads=6,
        device_match=("Orin Nano",),
        source="NVIDIA Jetson Orin Nano data sheet DS-11105",
    ),
    _galaxy_note8(
        "galaxy-note8",
        "cortex-a73",
        "Samsung Galaxy Note8, either processor",
        note="scheduled for the Snapdragon 835; runs on the Exynos 8895 as well, both are ARMv8.0",
        source="Samsung SM-N950 specification",
    ),
    _galaxy_note8(
        "galaxy-note8-exynos",
        "exynos-m3",
        "Samsung Galaxy Note8, Exynos 8895 (four Mongoose M2)",
        note="LLVM has no model of the Mongoose M2; its successor's is used, the instruction set is the same",
        source="Samsung Exynos 8895 product brief",
    ),
    _galaxy_note8(
        "galaxy-note8-snapdragon",
        "cortex-a73",
        "Samsung Galaxy Note8, Snapdragon 835 (four Kryo 280 Gold)",
        source="Qualcomm Snapdragon 835 product brief: Kryo 280 Gold derives from Cortex-A73",
    ),
    TargetSpec(
        name="android-arm64",
        description="any 64-bit ARM Android phone (ARMv8.0)",
        triple="aarch64-linux-android",
        cpu="generic",
        features=("+neon",),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=32 << 10,
        l2_bytes=256 << 10,
        threads=4,
        libc="bionic",
        source="Android NDK ABI guide, arm64-v8a",
    ),
    TargetSpec(
        name="android-arm64-dotprod",
        description="64-bit ARM Android phone with dot products (ARMv8.2, about 2018 and newer)",
        triple="aarch64-linux-android",
        cpu="cortex-a76",
        features=("+neon", "+dotprod", "+fullfp16"),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=64 << 10,
        l2_bytes=256 << 10,
        threads=4,
        libc="bionic",
        source="Android NDK ABI guide; Arm Cortex-A76 core manual",
    ),
    TargetSpec(
        name="raspberry-pi-4",
        description="Raspberry Pi 4, four Cortex-A72 cores",
        triple="aarch64-linux-gnu",
        cpu="cortex-a72",
        features=("+neon",),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=32 << 10,
        l2_bytes=256 << 10,
        threads=4,
        device_match=("Raspberry Pi 4",),
        source="Raspberry Pi 4 product brief: BCM2711, 1 MiB shared L2",
    ),
    TargetSpec(
        name="raspberry-pi-5",
        description="Raspberry Pi 5, four Cortex-A76 cores",
        triple="aarch64-linux-gnu",
        cpu="cortex-a76",
        features=("+neon", "+dotprod", "+fullfp16"),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=64 << 10,
        l2_bytes=512 << 10,
        threads=4,
        device_match=("Raspberry Pi 5",),
        source="Raspberry Pi 5 product brief: BCM2712, 512 KiB L2 a core",
    ),
    _x86_64(2, "x86-64-v2", 128, 16, "x86-64 with SSE4.2 (about 2009 and newer)"),
    _x86_64(3, "x86-64-v3", 256, 16, "x86-64 with AVX2 and FMA (about 2013 and newer)"),
    _x86_64(4, "x86-64-v4", 512, 32, "x86-64 with AVX-512 (servers from 2017, Zen 4 and newer)"),
)

TARGETS = {target.name: target for target in _TABLE}


def host_target() -> TargetSpec:
    """The machine this runs on, as the closest entry of the table, renamed to "host".

    Raises:
        UnknownTargetError: The machine is neither Linux on x86-64 nor Linux on 64-bit ARM.
    """
    system, machine = platform.system(), platform.machine().lower()
    if system == "Linux" and machine in ("x86_64", "amd64"):
        base = TARGETS[_x86_64_level(_cpu_flags())]
    elif system == "Linux" and machine in ("aarch64", "arm64"):
        base = replace(TARGETS["android-arm64"], triple="aarch64-linux-gnu", libc="gnu")
    else:
        raise UnknownTargetError(
            f"no host target for {system} on {machine}; compile for a named target: {', '.join(sorted(TARGETS))}"
        )
    return replace(base, name="host", description=f"this machine ({base.name})", threads=_usable_cores(), note="")


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def get_target(name: str) -> TargetSpec:
    """The table's entry `name`, or this machine for "host".

    Raises:
        UnknownTargetError: No such entry.
    """
    if name == "host":
        return host_target()
    try:
        return TARGETS[name]
    except KeyError:
        raise UnknownTargetError(
            f"unknown target {name!r}; choose one of host, {', '.join(sorted(TARGETS))}, or give a TVM target as JSON"
        ) from None


def parse_target(text: str) -> TargetSpec:
    """A target by name, or from a raw TVM target in JSON such as {"kind": "llvm", "mtriple": ..., "mcpu": ...}.

    Raises:
        UnknownTargetError: No such name.
        UsageError: The JSON is broken or asks for something that no kernel rule can serve.
    """
    return _from_tvm_json(text) if text.lstrip().startswith("{") else get_target(text)


class _RawTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a TVM target that mean something here."""

    kind: Literal["llvm"]
    mtriple: str
    mcpu: str = "generic"
    mattr: tuple[str, ...] = ()
    num_cores: int = msgspec.field(name="num-cores", default=1)


def _from_tvm_json(text: str) -> TargetSpec:
    try:
        raw = msgspec.json.decode(text, type=_RawTarget)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"target JSON: {error}; expected a TVM target such as "
            '{"kind":"llvm","mtriple":"aarch64-linux-gnu","mcpu":"cortex-a72","mattr":["+neon"],"num-cores":4}'
        ) from error
    architecture = raw.mtriple.partition("-")[0]
    family = {"aarch64": "android-arm64", "arm64": "android-arm64", "x86_64": _x86_64_level_of(raw)}.get(architecture)
    if family is None or "linux" not in raw.mtriple:
        raise UsageError(
            f"target JSON: no kernels for triple {raw.mtriple!r}; accepted are x86_64-linux-gnu, aarch64-linux-gnu "
            "and aarch64-linux-android"
        )
    bionic = "android" in raw.mtriple
    return replace(
        TARGETS[family],
        name=f"custom-{raw.mcpu}",
        description=f"raw TVM target {raw.mtriple} {raw.mcpu}",
        triple=f"{'aarch64' if architecture == 'arm64' else architecture}-linux-{'android' if bionic else 'gnu'}",
        cpu=raw.mcpu,
        features=raw.mattr,
        threads=raw.num_cores,
        libc="bionic" if bionic else "gnu",
        note="",
        source="given on the command line",
    )


# Linux's names, in /proc/cpuinfo, of what the psABI levels add.
_V2_FLAGS = {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"}
_V3_FLAGS = _V2_FLAGS | {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"}
_V4_FLAGS = _V3_FLAGS | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}


def _x86_64_level(flags: set[str]) -> str:
    levels = (("x86-64-v4", _V4_FLAGS), ("x86-64-v3", _V3_FLAGS), ("x86-64-v2", _V2_FLAGS))
    for name, needed in levels:
        if needed <= flags:
            return name
    raise UnknownTargetError(
        f"this processor lacks {', '.join(sorted(_V2_FLAGS - flags))}; x86-64-v2 (about 2009 and newer) is the least"
    )


def _cpu_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def _x86_64_level_of(raw: _RawTarget) -> str:
    """Widest vectors that a raw x86 target surely has: what its features name, else the level in its cpu's name."""
    if raw.mcpu in TARGETS:
        return raw.mcpu
    if "+avx512f" in raw.mattr:
        return "x86-64-v4"
    return "x86-64-v3" if {"+avx2", "+fma"} <= set(raw.mattr) else "x86-64-v2"
