"""What disturbs a timing: clock governor, heat, throttling, other work. Read before and after a benchmark."""

import os
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "Battery",
    "DeviceState",
    "battery_of_dumpsys",
    "read_device_state",
    "seen_throttling",
    "stolen_share",
]

ROOT = Path("/")

# Android's BatteryManager: BATTERY_STATUS_CHARGING and BATTERY_STATUS_FULL, in dumpsys' words "status".
CHARGING = frozenset({"2", "5", "Charging", "Full"})

# Raspberry Pi's documentation of `vcgencmd get_throttled`: under-voltage, capped, throttled and soft
# temperature limit, now; higher bits say the same of the past.
PI_LIMITED_NOW = 0b1111


@dataclass(frozen=True, kw_only=True)
class Battery:
    """A battery, which heats what lies beside it and may make the system save power.

    Attributes:
        percent: How full it is.
        charging: Whether it is charged, or full on its supply.
        temperature_c: Degrees Celsius; None where it does not tell.
    """

    percent: int
    charging: bool
    temperature_c: float | None = None


@dataclass(frozen=True, kw_only=True)
class DeviceState:
    """One look at the machine; what it does not tell is empty or None.

    Attributes:
        governors: Clock governors in use, each once, such as "performance".
        clocks_mhz: Clock of each core now.
        temperatures_c: Thermal zones by name, degrees Celsius.
        is_limited: Whether heat or voltage holds the clock down now.
        throttle_count: How often the processor has slowed itself down since the start (x86).
        load_1m: Runnable processes, mean of the last minute.
        cpu_ticks: Kernel ticks of all cores since the start: (all, taken by the hypervisor).
        battery: None for what has none, or does not tell.
    """

    governors: tuple[str, ...] = ()
    clocks_mhz: tuple[float, ...] = ()
    temperatures_c: dict[str, float] = field(default_factory=dict)
    is_limited: bool | None = None
    throttle_count: int | None = None
    load_1m: float | None = None
    cpu_ticks: tuple[int, int] | None = None
    battery: Battery | None = None


def read_device_state(root: Path = ROOT) -> DeviceState:
    """Look at the machine below `root`; nothing here fails on a machine that tells less."""
    cpus = "sys/devices/system/cpu/cpu[0-9]*"
    throttle_counts = _numbers(root, f"{cpus}/thermal_throttle/core_throttle_count")
    return DeviceState(
        governors=tuple(sorted(set(_texts(root, f"{cpus}/cpufreq/scaling_governor")))),
        clocks_mhz=tuple(khz / 1e3 for khz in _numbers(root, f"{cpus}/cpufreq/scaling_cur_freq")),
        temperatures_c=_temperatures(root),
        is_limited=_is_limited(root),
        throttle_count=sum(throttle_counts) if throttle_counts else None,
        load_1m=_load(root),
        cpu_ticks=_cpu_ticks(root),
        battery=_battery(root),
    )


def battery_of_dumpsys(text: str) -> Battery | None:
    """What Android's `dumpsys battery` says: level in percent, temperature in tenths of a degree."""
    pairs = (line.partition(":") for line in text.splitlines())
    return _battery_of({key.strip().lower(): value.strip() for key, _, value in pairs})


def seen_throttling(before: DeviceState, after: DeviceState) -> bool | None:
    """Whether the machine held itself back at or between two looks; None where it does not tell."""
    signs = [state.is_limited for state in (before, after)]
    if before.throttle_count is not None and after.throttle_count is not None:
        signs.append(after.throttle_count > before.throttle_count)
    known = [sign for sign in signs if sign is not None]
    return any(known) if known else None


def stolen_share(before: DeviceState, after: DeviceState) -> float | None:
    """Share of all cores' time between two looks that a hypervisor gave to others, 0 to 1."""
    if before.cpu_ticks is None or after.cpu_ticks is None:
        return None
    every, stolen = (new - old for new, old in zip(after.cpu_ticks, before.cpu_ticks, strict=True))
    return stolen / every if every > 0 else None


def _load(root: Path) -> float | None:
    first = _text(root / "proc/loadavg").partition(" ")[0]
    if first:
        return float(first)
    return os.getloadavg()[0] if root == ROOT and hasattr(os, "getloadavg") else None


def _battery(root: Path) -> Battery | None:
    """The first battery of the power supplies; a mouse's is none of the machine."""
    for supply in sorted(root.glob("sys/class/power_supply/*")):
        if _text(supply / "type") == "Battery" and _text(supply / "scope") != "Device":
            names = {"level": "capacity", "status": "status", "temperature": "temp"}
            return _battery_of({key: _text(supply / file) for key, file in names.items()})
    return None


def _battery_of(fields: dict[str, str]) -> Battery | None:
    level, tenths = fields.get("level", ""), fields.get("temperature", "")
    if not level.isdigit():
        return None
    celsius = int(tenths) / 10 if tenths.lstrip("-").isdigit() else None
    return Battery(percent=int(level), charging=fields.get("status") in CHARGING, temperature_c=celsius)


def _temperatures(root: Path) -> dict[str, float]:
    temperatures: dict[str, float] = {}
    for zone in sorted(root.glob("sys/class/thermal/thermal_zone*")):
        name, value = _text(zone / "type"), _text(zone / "temp")
        if name and value.lstrip("-").isdigit():
            temperatures.setdefault(name, int(value) / 1e3)
    return temperatures


def _is_limited(root: Path) -> bool | None:
    """A Raspberry Pi's firmware says it in bits; elsewhere a processor's cooling device is not at rest."""
    signs = [
        int(bits, 16) & PI_LIMITED_NOW != 0
        for bits in _texts(root, "sys/devices/platform/soc/soc:firmware/get_throttled")
    ]
    for device in root.glob("sys/class/thermal/cooling_device*"):
        kind, state = _text(device / "type").lower(), _text(device / "cur_state")
        if state.isdigit() and ("cpu" in kind or kind == "processor"):
            signs.append(int(state) > 0)
    return any(signs) if signs else None


def _cpu_ticks(root: Path) -> tuple[int, int] | None:
    """First line of /proc/stat: cpu user nice system idle iowait irq softirq steal guest guest_nice."""
    ticks = [
        int(word) for word in _text(root / "proc/stat").partition("\n")[0].split()[1:9] if word.isdigit()
    ]
    return (sum(ticks), ticks[7]) if len(ticks) == 8 else None


def _numbers(root: Path, pattern: str) -> list[int]:
    return [int(text) for text in _texts(root, pattern) if text.isdigit()]


def _texts(root: Path, pattern: str) -> list[str]:
    return [text for path in sorted(root.glob(pattern)) if (text := _text(path))]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
