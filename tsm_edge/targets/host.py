"""This machine as a target."""

import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

from tsm_edge.errors import UnknownTargetError
from tsm_edge.targets.spec import TargetSpec
from tsm_edge.targets.table import TARGETS

__all__ = ["host_target", "missing_here"]

CPUINFO = Path("/proc/cpuinfo")

# What the psABI levels add, in the words of /proc/cpuinfo ("abm" holds lzcnt).
_V2_FLAGS = {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"}
_V3_FLAGS = _V2_FLAGS | {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"}
_V4_FLAGS = _V3_FLAGS | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}
# What code for a target executes: on x86 by the width of its vectors, on ARM by its features.
_X86_FLAGS = {"128": _V2_FLAGS, "256": _V3_FLAGS, "512": _V4_FLAGS}
_ARM_FLAGS = {"+neon": {"asimd"}, "+dotprod": {"asimddp", "atomics"}, "+fullfp16": {"asimdhp", "fphp"}}
_LEVELS = (("x86-64-v4", _V4_FLAGS), ("x86-64-v3", _V3_FLAGS), ("x86-64-v2", _V2_FLAGS))


def host_target(cpuinfo: Path = CPUINFO) -> TargetSpec:
    """The machine this runs on, as the closest entry of the table, renamed to "host".

    Args:
        cpuinfo: Linux's description of the processors.

    Raises:
        UnknownTargetError: The machine is neither Linux on x86-64 nor Linux on 64-bit ARM.
    """
    base = _closest_entry(platform.system(), _machine(), cpuinfo)
    return replace(
        base,
        name="host",
        description=f"this machine ({base.name})",
        threads=_physical_cores(_processors(cpuinfo)),
        note="",
    )


def missing_here(target: TargetSpec, cpuinfo: Path = CPUINFO) -> tuple[str, ...]:
    """What this machine lacks to run code for `target`: its system and architecture, or instruction sets.

    Args:
        target: What the code was compiled for.
        cpuinfo: Linux's description of the processors.
    """
    machine = _machine()
    system = "android" if hasattr(sys, "getandroidapilevel") else platform.system().lower()
    here, there = f"{machine}-{system}", f"{target.architecture}-{_system_of(target)}"
    if here != there:
        return (f"{there} (this is {here})",)
    needed = _ARM_FLAGS if machine == "aarch64" else _X86_FLAGS
    asked = set(target.features) if machine == "aarch64" else {str(target.vector_bits)}
    processors = _processors(cpuinfo)
    has = set(" ".join(fields.get("flags", fields.get("Features", "")) for fields in processors[:1]).split())
    if not has:
        return ()  # no /proc: nothing is known against it
    return tuple(sorted(flag for key in asked for flag in needed.get(key, set()) - has))


def _machine() -> str:
    """This machine's architecture, as LLVM spells it."""
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


def _system_of(target: TargetSpec) -> str:
    return {"gnu": "linux", "bionic": "android", "darwin": "ios"}[target.libc]


def _closest_entry(system: str, machine: str, cpuinfo: Path) -> TargetSpec:
    if system == "Linux" and machine == "x86_64":
        return TARGETS[_x86_64_level(_processors(cpuinfo))]
    if system == "Linux" and machine == "aarch64":
        return replace(TARGETS["android-arm64"], name="ARMv8.0", triple="aarch64-linux-gnu", libc="gnu")
    raise UnknownTargetError(
        f"no host target for {system} on {machine}; compile for one of {', '.join(sorted(TARGETS))}"
    )


def _processors(cpuinfo: Path) -> list[dict[str, str]]:
    """One dictionary a logical processor; empty where /proc is not mounted."""
    text = cpuinfo.read_text(errors="replace") if cpuinfo.is_file() else ""
    processors = [_fields(block) for block in text.split("\n\n")]
    return [fields for fields in processors if "processor" in fields]


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _x86_64_level(processors: list[dict[str, str]]) -> str:
    flags = set(processors[0].get("flags", "").split()) if processors else set()
    for name, needed in _LEVELS:
        if needed <= flags:
            return name
    raise UnknownTargetError(
        f"this processor lacks {', '.join(sorted(_V2_FLAGS - flags))}; "
        "x86-64-v2 (about 2009 and newer) is the least"
    )


def _physical_cores(processors: list[dict[str, str]]) -> int:
    """Cores that this process may use; two hyper-threads share one core's multipliers, so they count once."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {
        (fields.get("physical id"), fields["core id"])
        for fields in processors
        if "core id" in fields and int(fields["processor"]) in usable
    }
    return len(cores) or len(usable)
