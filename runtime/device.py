"""Which machine this is, in its own words: what a benchmark must know before it may say pass or fail."""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tsm_edge.targets import TargetSpec

__all__ = ["ANDROID_PROPERTIES", "Device", "Facts", "is_target", "recognise_device"]

ROOT = Path("/")

# What Android is asked for: the phone's model, its processor as its maker and as the board's calls it, the version.
ANDROID_PROPERTIES = (
    "ro.product.model",
    "ro.soc.model",
    "ro.board.platform",
    "ro.hardware",
    "ro.build.version.release",
)


@dataclass(frozen=True, kw_only=True)
class Device:
    """The machine under the process.

    Attributes:
        name: The board, phone or computer in its maker's words; the processor's name where no maker left any.
        cpu: Name of the processor, or its architecture where the system hides it.
        architecture: "x86_64", "aarch64", ...
        cores: Cores that this process may use.
        system: Operating system with its version.
        virtual: True where a hypervisor says that it is there; other guests then disturb timings.
        soc: Name of the chip, such as "tegra210"; empty where nobody says it.
        emulator: What runs the device's programs where its processor is emulated; then its times say nothing.
    """

    name: str
    cpu: str
    architecture: str
    cores: int
    system: str
    virtual: bool = False
    soc: str = ""
    emulator: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a machine's programs say and no file does.

    Attributes:
        architecture: "x86_64", "aarch64", ...
        cores: Cores that a process may use.
        kernel: "Linux 4.9.253".
        processor: Name of the processor, if a program knows it.
        properties: Android's properties by name; empty elsewhere.
        emulator: As in `Device`.
    """

    architecture: str
    cores: int
    kernel: str
    processor: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    emulator: str = ""


def recognise_device(root: Path = ROOT, facts: Facts | None = None) -> Device:
    """Ask the firmware, Android, the BIOS and the processor, in this order.

    Args:
        root: Where /proc and /sys are looked for; a copy of another machine's will do.
        facts: What that machine's programs say; None asks those of this one.
    """
    facts = facts or _facts_here(root)
    cpuinfo = _cpuinfo(root)
    cpu = cpuinfo.get("model name") or cpuinfo.get("hardware") or facts.processor or facts.architecture
    phone = facts.properties.get("ro.product.model", "")
    board = _device_tree_model(root) or phone or _dmi_model(root) or cpuinfo.get("board", "")
    name = board or cpu
    return Device(
        name=f"{facts.emulator} (emulated) on {name}" if facts.emulator else name,
        cpu=cpu,
        architecture=facts.architecture,
        cores=facts.cores,
        system=_system(root, facts),
        virtual="hypervisor" in cpuinfo.get("flags", "").split(),
        soc=_soc(root, facts.properties),
        emulator=facts.emulator,
    )


def is_target(device: Device, target: TargetSpec) -> bool:
    """Whether `device` is the board that `target` describes; False for a target that names no board."""
    return not device.emulator and any(part.lower() in device.name.lower() for part in target.device_match)


def _facts_here(root: Path) -> Facts:
    return Facts(
        architecture=platform.machine(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        kernel=f"{platform.system()} {platform.release()}",
        processor=platform.processor(),
        properties={name: _android_property(root, name) for name in ANDROID_PROPERTIES},
    )


def _device_tree_model(root: Path) -> str:
    """Boards started from a device tree: Jetson, Raspberry Pi; the string ends in a NUL."""
    places = ("proc/device-tree/model", "sys/firmware/devicetree/base/model")
    return next(filter(None, (_text(root / place) for place in places)), "")


def _soc(root: Path, properties: Mapping[str, str]) -> str:
    """The chip: as Android knows it, or what the device tree names last, after the boards that it fits."""
    names = ("ro.soc.model", "ro.board.platform", "ro.hardware")
    compatible = _text(root / "proc/device-tree/compatible").split("\0")
    return next(filter(None, (properties.get(name, "") for name in names)), compatible[-1].rpartition(",")[2])


def _android_property(root: Path, name: str) -> str:
    """One of a phone's properties; its build.prop is closed to apps, so getprop is asked."""
    getprop = root / "system/bin/getprop"
    if not getprop.exists():
        return ""
    try:
        answer = subprocess.run([getprop, name], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def _dmi_model(root: Path) -> str:
    """PCs and servers: what the BIOS says of maker and model."""
    fields = (_text(root / "sys/class/dmi/id" / field) for field in ("sys_vendor", "product_name"))
    return " ".join(filter(None, fields))


def _cpuinfo(root: Path) -> dict[str, str]:
    """First value of each key of /proc/cpuinfo; ARM's closing "Model" becomes "board", which it names."""
    fields: dict[str, str] = {}
    for line in _text(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        key = "board" if key.strip() == "Model" else key.strip().lower()
        if value.strip():
            fields.setdefault(key, value.strip())
    return fields


def _system(root: Path, facts: Facts) -> str:
    """Names of distribution and kernel, without the builder's suffix that says nothing about speed."""
    kernel = facts.kernel.partition("-")[0]
    android = facts.properties.get("ro.build.version.release")
    if android:
        return f"Android {android}, {kernel}"
    for line in _text(root / "etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return f"{line.partition('=')[2].strip(chr(34))}, {kernel}"
    return kernel


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0\n\t ")
    except OSError:
        return ""
