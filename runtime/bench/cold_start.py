"""Cold start and memory of one engine, measured in a process of its own.

In a process that has run another engine before, libraries are loaded already and memory is shared; a fresh
one shows what a device pays at power-on. "Cold" is the process: files may be in the system's cache.
"""

import sys
import time
from dataclasses import dataclass
from subprocess import PIPE, Popen
from tempfile import TemporaryFile
from typing import IO

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
        peak_bytes: Most resident memory of the whole process, interpreter and numpy included.
        growth_bytes: Resident memory after the first frames, less that before the engine was loaded; None where
            another machine's `tsm-run` was the process, in which there is nothing but the engine.
    """

    load_ms: float
    first_frame_ms: float
    peak_bytes: int
    growth_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ColdStart(ColdStartReport):
    """The same, seen from outside as well.

    Attributes:
        process_ms: From the start of the interpreter until the first logits were there; None for `tsm-run`.
    """

    process_ms: float | None = None

    @property
    def cold_start_ms(self) -> float:
        """Loading and first frame together."""
        return self.load_ms + self.first_frame_ms


def measure_cold_start(bundle: Bundle, backend: str, threads: int, device: str = "auto") -> ColdStart:
    """Start a process that loads `backend` and steps its first frames.

    Raises:
        TsmEdgeError: It failed.
    """
    arguments = [str(bundle.path.resolve()), backend, str(threads), device]
    command = [sys.executable, "-m", CHILD_MODULE, *arguments]
    start = time.perf_counter()
    # A file cannot fill up as a pipe does that nobody reads yet.
    with TemporaryFile() as errors, Popen(command, stdout=PIPE, stderr=errors) as child:
        assert child.stdout is not None
        child.stdout.readline()  # the child says that its first logits are there
        process_ms = 1e3 * (time.perf_counter() - start)
        output = child.stdout.read()
        if child.wait() != 0:
            raise TsmEdgeError(f"backend {backend} failed in a fresh process: {_last_line(errors)}")
    report = msgspec.json.decode(output, type=ColdStartReport)
    return ColdStart(process_ms=process_ms, **msgspec.to_builtins(report))


def _last_line(file: IO[bytes]) -> str:
    file.seek(0)
    lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
