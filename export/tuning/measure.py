"""Timing the candidates of one layer: outputs compared first, then samples in turn, so that a slow second hits all.

A `Measurer` is where they run. Both of them, this process and a board, are asked the same two questions.
"""

import _ctypes
import ctypes
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Protocol

from tsm_edge.errors import TuningError
from tsm_edge.targets import TargetSpec, missing_here

__all__ = ["LocalMeasurer", "Measured", "Measurer", "Probe", "measure_with"]

# The same products in another order of summation: errors follow the largest value.
TOLERANCE = 1e-5
ROUNDS = 9
# A sample is long enough that neither the clock nor a way over the network matters.
SAMPLE_MS = 2.0
MOST_CALLS = 200
CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Measured:
    """One candidate.

    Attributes:
        ms: Median of all samples; None if its result was not the first candidate's.
    """

    ms: float | None


@dataclass(frozen=True)
class Probe:
    """A library of candidates that was loaded somewhere.

    Attributes:
        difference: Of a candidate's result to the first one's, as a share of the largest value.
        sample: Median milliseconds of so many calls of a candidate.
    """

    difference: Callable[[int], float]
    sample: Callable[[int, int], float]


class Measurer(Protocol):
    """Where candidates are measured."""

    def measure(self, library: Path, count: int) -> tuple[Measured, ...]:
        """Measure the `count` candidates in `library`.

        Raises:
            TuningError: There is nothing left that could.
        """
        ...

    @property
    def device(self) -> str:
        """Where they are measured."""
        ...


def measure_with(probe: Probe, count: int) -> tuple[Measured, ...]:
    """Compare and time `count` candidates.

    Raises:
        TuningError: Not even the first one can run.
    """
    sound = [index for index in range(count) if probe.difference(index) <= TOLERANCE]
    if 0 not in sound:
        raise TuningError("the rule's own kernel did not compute there: too little memory, or other code")
    first = {index: probe.sample(index, 1) for index in sound}
    calls = {index: min(MOST_CALLS, ceil(SAMPLE_MS / max(ms, 1e-3))) for index, ms in first.items()}
    samples: dict[int, list[float]] = {index: [] for index in sound}
    for round_ in range(ROUNDS):
        for index in sound if round_ % 2 else reversed(sound):
            samples[index].append(probe.sample(index, calls[index]))
    return tuple(Measured(median(samples[index]) if index in samples else None) for index in range(count))


class LocalMeasurer:
    """This machine, in this process."""

    def __init__(self, target: TargetSpec) -> None:
        """Measure code for `target` here.

        Raises:
            TuningError: This machine cannot run it.
        """
        missing = missing_here(target)
        if missing:
            raise TuningError(
                f"this machine cannot run code for {target.name}: it lacks {', '.join(missing)}; "
                "name a board's --tracker and --key"
            )

    @property
    def device(self) -> str:
        """The processor's own name."""
        found = re.search(r"^model name\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
        return found[1].strip() if found else platform.machine()

    def measure(self, library: Path, count: int) -> tuple[Measured, ...]:
        """Measure the `count` candidates in `library`."""
        loaded = ctypes.CDLL(str(library))
        try:
            return measure_with(_local_probe(loaded), count)
        finally:
            loaded.tsm_tune_release()
            _ctypes.dlclose(loaded._handle)


def _local_probe(library: ctypes.CDLL) -> Probe:
    difference, sample = library.tsm_tune_difference, library.tsm_tune_sample
    difference.restype = sample.restype = ctypes.c_double
    difference.argtypes = [ctypes.c_int32]
    sample.argtypes = [ctypes.c_int32, ctypes.c_int32]
    return Probe(difference, sample)


def _cpuinfo() -> str:
    try:
        return CPUINFO.read_text()
    except OSError:
        return ""
