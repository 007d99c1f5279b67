"""Cold start and memory of one engine, measured in a process of its own.

In a process that has run another engine before, libraries are loaded already and memory is shared; a fresh
one shows what a device pays at power-on. "Cold" is the process: files may be in the system's cache.
"""

import subprocess
import sys
import time
from dataclasses import dataclass

import msgspec

from tsm_edge.bundle import Bundle
from tsm_edge.errors import TsmEdgeError

__all__ = ["ColdStart", "ColdStartReport", "measure_cold_start"]

CHILD_MODULE = "tsm_edge.runtime.bench.cold_start_child"


@dataclass(frozen=True, kw_only=True)
class ColdStartReport:
    """What the fresh process saw of itself.

    Attributes:
        load_ms: Loading the engine's own code and the bundle's weights.
        first_frame_ms: Opening a stream and its first step.
        growth_bytes: Resident memory after the first frames, less that before the engine was loaded.
        peak_bytes: Most resident memory of the whole process, interpreter and numpy included.
    """

    load_ms: float
    first_frame_ms: float
    growth_bytes: int
    peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class ColdStart(ColdStartReport):
    """The same, seen from outside as well.

    Attributes:
        process_ms: From the start of the interpreter until the first logits were there.
    """

    process_ms: float

    @property
    def cold_start_ms(self) -> float:
        """Loading and first frame together."""
        return self.load_ms + self.first_frame_ms


def measure_cold_start(bundle: Bundle, backend: str, threads: int) -> ColdStart:
    """Start a process that loads `backend` and steps its first frames.

    Raises:
        TsmEdgeError: It failed.
    """
    command = [sys.executable, "-m", CHILD_MODULE, str(bundle.path.resolve()), backend, str(threads)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()  # the child says that its first logits are there
        process_ms = 1e3 * (time.perf_counter() - start)
        output, errors = child.communicate()
    if child.returncode != 0:
        reason = (errors.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        raise TsmEdgeError(f"backend {backend} failed in a fresh process: {reason}")
    report = msgspec.json.decode(output, type=ColdStartReport)
    return ColdStart(process_ms=process_ms, **msgspec.to_builtins(report))
