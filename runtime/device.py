"""Which machine this is, in its own words: what a benchmark must know before it may say pass or fail."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tsm_edge.targets import TargetSpec

__all__ = ["Device", "is_target", "recognise_device"]

ROOT = Path("/")


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
    """

    name: str
    cpu: str
    architecture: str
    cores: int
    system: str
    virtual: bool = False


def recognise_device(root: Path = ROOT) -> Device:
    """Ask the firmware, Android, the BIOS and the processor, in this order.

    Args:
        root: Where /proc, /sys and /system are looked for.
    """
    cpuinfo = _cpuinfo(root)
    architecture = platform.machine()
    cpu = cpuinfo.get("model name") or cpuinfo.get("hardware") or platform.processor() or architecture
    board = _device_tree_model(root) or _android_model(root) or _dmi_model(root) or cpuinfo.get("board", "")
    return Device(
        name=board or cpu,
        cpu=cpu,
        architecture=architecture,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=_system(root),
        virtual="hypervisor" in cpuinfo.get("flags", "").split(),
    )


def is_target(device: Device, target: TargetSpec) -> bool:
    """Whether `device` is the board that `target` describes; False for a target that names no board."""
    return any(part.lower() in device.name.lower() for part in target.device_match)


def _device_tree_model(root: Path) -> str:
    """Boards started from a device tree: Jetson, Raspberry Pi; the string ends in a NUL."""
    places = ("proc/device-tree/model", "sys/firmware/devicetree/base/model")
    return next(filter(None, (_text(root / place) for place in places)), "")


def _android_model(root: Path) -> str:
    """A phone's model number; its build.prop is closed to apps, so getprop is asked."""
    getprop = root / "system/bin/getprop"
    if not getprop.exists():
        return ""
    try:
        answer = subprocess.run([getprop, "ro.product.model"], capture_output=True, text=True, timeout=5)
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


def _system(root: Path) -> str:
    """Names of distribution and kernel, without the builder's suffix that says nothing about speed."""
    kernel = f"{platform.system()} {platform.release().partition('-')[0]}"
    for line in _text(root / "etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return f"{line.partition('=')[2].strip(chr(34))}, {kernel}"
    return kernel


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0\n\t ")
    except OSError:
        return ""
