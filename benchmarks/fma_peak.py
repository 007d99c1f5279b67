"""A core's peak: multiply-adds in registers alone, written by the emitter that writes the kernels.

    acc[i] = acc[i] * factor + summand,  for as many acc[i] as the registers hold

Nothing is read in the loop, no sum waits for another one, and the vectors are as wide as the target's.
"""

import ctypes
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tsm_edge.errors import CompileError
from tsm_edge.export.codegen import write_object
from tsm_edge.export.kernels.emitter import Emitter, Kernel, build_kernel
from tsm_edge.export.kernels.machine import Machine, machine_of
from tsm_edge.targets import TargetSpec

__all__ = ["FmaPeak"]

NAME = "fma_peak"
# Half a millisecond on a core of 2025: long enough for the clock, short enough to stand beside every frame.
ROUNDS = 100_000
# Registers that hold no sum: factor and summand, and two to spare.
OTHER_REGISTERS = 4


class FmaPeak:
    """The loop, compiled for a target."""

    def __init__(self, target: TargetSpec, folder: Path) -> None:
        """Compile into `folder`.

        Raises:
            CompileError: TVM or the linker refused.
        """
        machine = machine_of(target)
        self._sums = machine.registers - OTHER_REGISTERS
        self._flop = 2 * machine.vector_floats * self._sums * ROUNDS
        self._function = _loaded(_kernel(machine, self._sums), target, folder)
        # Whatever the start, each sum tends to 2: neither tiny numbers nor large ones slow it down.
        self._inputs = np.ones(2 * machine.vector_floats, np.float32)
        self._inputs[: machine.vector_floats] = 0.5
        self.results = np.empty(self._sums * machine.vector_floats, np.float32)

    def gflop_per_s(self) -> float:
        """Run it once."""
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (self._inputs, self.results)]
        start = time.perf_counter()
        self._function(*pointers, 0, ROUNDS)
        return self._flop / (time.perf_counter() - start) / 1e9


def _kernel(machine: Machine, sums: int) -> Kernel:
    lanes = machine.vector_floats

    def body(e: Emitter) -> None:
        accumulators = [e.register(lanes) for _ in range(sums)]
        for index, accumulator in enumerate(accumulators):
            e.store(accumulator, 0, e.constant(float(index), lanes), lanes)
        with e.units():
            for accumulator in accumulators:
                product = e.load(accumulator, 0, lanes) * e.load(e["x"], 0, lanes)
                e.store(accumulator, 0, product + e.load(e["x"], lanes, lanes), lanes)
        for index, accumulator in enumerate(accumulators):
            e.store(e["y"], index * lanes, e.load(accumulator, 0, lanes), lanes)

    return build_kernel(NAME, [("x", 2 * lanes), ("y", sums * lanes)], ROUNDS, body)


def _loaded(kernel: Kernel, target: TargetSpec, folder: Path) -> Any:
    kernels, library = folder / "peak.o", folder / "peak.so"
    write_object([kernel], target, kernels)
    linker = [sys.executable, "-m", "ziglang", "ld.lld", "-shared", kernels, "-o", library]
    done = subprocess.run(linker, capture_output=True, text=True)
    if done.returncode != 0:
        raise CompileError(f"cannot link the peak loop: {done.stderr.strip().splitlines()[-1]}")
    return getattr(ctypes.CDLL(str(library)), NAME)
