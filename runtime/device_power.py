"""Energy where the board measures its own supply: Jetson's INA3221, read as tegrastats reads it.

The chip stands behind I2C, so a reading takes a good part of a millisecond. Energy is therefore measured in a
run of its own and never while frames are timed.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Energy", "PowerRail", "find_power_rail", "measure_energy"]

ROOT = Path("/")

# Rails that feed the whole module: Nano; TX2, Xavier NX, Orin NX and Orin Nano. Source: NVIDIA, Jetson Linux
# Developer Guide, power monitors. The AGX boards have none, their channels are parts that no sum makes whole.
MODULE_RAILS = ("POM_5V_IN", "VDD_IN")

SAMPLE_INTERVAL_S = 0.05


@dataclass(frozen=True)
class PowerRail:
    """Where the power of one rail can be read.

    Attributes:
        name: The board's name of the rail.
        files: One file in mW (JetPack 4), or two in mV and mA (JetPack 5 and later).
    """

    name: str
    files: tuple[Path, ...]

    def power_w(self) -> float:
        """Power now, in watts.

        Raises:
            OSError: The file is gone or closed to this user.
        """
        values = [int(file.read_text()) for file in self.files]
        return values[0] / 1e3 if len(values) == 1 else values[0] * values[1] / 1e6


@dataclass(frozen=True, kw_only=True)
class Energy:
    """What a run of frames took from the supply.

    Attributes:
        rail: Name of the rail.
        idle_w: Mean power while nothing ran, just before.
        mean_w: Mean power of the run.
        joule_per_frame: All of `mean_w`, not only what comes on top of idling.
        num_samples: Readings behind `mean_w`.
    """

    rail: str
    idle_w: float
    mean_w: float
    joule_per_frame: float
    num_samples: int


def find_power_rail(root: Path = ROOT) -> PowerRail | None:
    """The rail that feeds the whole module, if this board has one that can be read."""
    rails = {rail.name: rail for rail in (*_iio_rails(root), *_hwmon_rails(root))}
    return next((rails[name] for name in MODULE_RAILS if name in rails), None)


def measure_energy(
    rail: PowerRail, step: Callable[[], object], *, duration_s: float = 5.0, idle_s: float = 2.0
) -> Energy:
    """Call `step` once a frame for `duration_s` and read the rail meanwhile, after `idle_s` of rest.

    Raises:
        OSError: The rail can no longer be read.
    """
    idle = _PowerSampler(rail)
    with idle:
        time.sleep(idle_s)
    busy = _PowerSampler(rail)
    num_frames, start = 0, time.perf_counter()
    with busy:
        while time.perf_counter() - start < duration_s:
            step()
            num_frames += 1
        elapsed_s = time.perf_counter() - start
    mean_w = busy.mean_w()
    return Energy(
        rail=rail.name,
        idle_w=idle.mean_w(),
        mean_w=mean_w,
        joule_per_frame=mean_w * elapsed_s / num_frames,
        num_samples=len(busy.samples_w),
    )


class _PowerSampler:
    """Reads a rail from a thread between `with` and its end; at least once."""

    def __init__(self, rail: PowerRail) -> None:
        self.samples_w: list[float] = []
        self._rail = rail
        self._error: OSError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="power-sampler", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def mean_w(self) -> float:
        if self._error:
            raise self._error
        return sum(self.samples_w) / len(self.samples_w)

    def _sample(self) -> None:
        try:
            self.samples_w.append(self._rail.power_w())
            while not self._stop.wait(SAMPLE_INTERVAL_S):
                self.samples_w.append(self._rail.power_w())
        except OSError as error:
            self._error = error


def _iio_rails(root: Path) -> list[PowerRail]:
    """JetPack 4: the industrial I/O driver, rail_name_0 beside in_power0_input in mW."""
    rails = []
    for label in sorted(root.glob("sys/bus/i2c/drivers/ina3221x/*/iio[:_]device*/rail_name_*")):
        power = label.with_name(f"in_power{label.name.rpartition('_')[2]}_input")
        rails += _readable(label, power)
    return rails


def _hwmon_rails(root: Path) -> list[PowerRail]:
    """JetPack 5 and later: the hardware monitor, in1_label beside in1_input in mV and curr1_input in mA."""
    rails = []
    for label in sorted(root.glob("sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/in*_label")):
        number = label.name.removeprefix("in").removesuffix("_label")
        rails += _readable(
            label, label.with_name(f"in{number}_input"), label.with_name(f"curr{number}_input")
        )
    return rails


def _readable(label: Path, *files: Path) -> list[PowerRail]:
    try:
        rail = PowerRail(label.read_text().strip(), files)
        rail.power_w()
    except (OSError, ValueError):
        return []
    return [rail]
