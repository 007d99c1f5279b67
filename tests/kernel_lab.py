"""Kernels out of their network: lowered for one machine, compiled for this one, called with guarded buffers."""

import ctypes
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import Phase, settings
from layer_reference import Arrays, random_inputs, reference

from tsm_edge.export.codegen import write_object
from tsm_edge.export.kernels.call import KernelCall, Operand, Scratch, ShiftBuffer, Weights
from tsm_edge.export.kernels.emitter import Kernel
from tsm_edge.export.kernels.machine import Machine, machine_of
from tsm_edge.export.kernels.rules import lower_layer
from tsm_edge.export.layers import Layer, Tensor
from tsm_edge.targets import TARGETS, host_target

__all__ = ["COMPILED_EXAMPLES", "MACHINES", "Guarded", "KernelLab", "load_kernels"]

# Same float32 products in another order of summation, against float64: errors follow the sum of magnitudes.
TOLERANCE = 1e-6

# Every example is compiled: few of them, and none made smaller, which would compile hundreds.
COMPILED_EXAMPLES = settings(max_examples=3, phases=(Phase.explicit, Phase.reuse, Phase.generate))

# LLVM splits vectors that are too wide for this machine, so that code for any machine runs here.
MACHINES = {
    "host": machine_of(host_target()),
    "neon": machine_of(TARGETS["jetson-nano"]),
    "avx512": machine_of(TARGETS["x86-64-v4"]),
}

ALIGNMENT = 64
GUARD_FLOATS = 64
# A NaN of our own: a kernel that reads past an end spoils its result, one that writes there is seen.
GUARD = np.array([0x7FC5A5A5], np.uint32).view(np.float32)[0]


class Guarded:
    """A float32 buffer as the driver gives it, 64-byte aligned, between two guards."""

    def __init__(self, values: np.ndarray) -> None:
        size = values.size
        raw = np.empty(size + 2 * GUARD_FLOATS + ALIGNMENT // 4, np.float32)
        skipped = -raw.ctypes.data % ALIGNMENT // 4
        self._all = raw[skipped : skipped + size + 2 * GUARD_FLOATS]
        self._all[:] = GUARD
        self.values = self._all[GUARD_FLOATS : GUARD_FLOATS + size]
        self.values[:] = values.ravel()
        self._before = self._all.copy()

    @property
    def address(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.values.ctypes.data)

    def guards_are_whole(self) -> bool:
        guards = np.concatenate([self._all[:GUARD_FLOATS], self._all[-GUARD_FLOATS:]])
        return bool((guards.view(np.uint32) == GUARD.view(np.uint32)).all())

    def is_unchanged(self) -> bool:
        return np.array_equal(self._all.view(np.uint32), self._before.view(np.uint32))


def load_kernels(kernels: Iterable[Kernel], directory: Path) -> ctypes.CDLL:
    """A library of `kernels`, compiled for this machine."""
    write_object(kernels, host_target(), directory / "kernels.o")
    linker = [sys.executable, "-m", "ziglang", "ld.lld", "-shared", "kernels.o", "-o", "kernels.so"]
    subprocess.run(linker, cwd=directory, check=True)
    return ctypes.CDLL(str(directory / "kernels.so"))


@dataclass(frozen=True)
class KernelLab:
    """Layers by name, each with its kernel call, and all kernels in one library."""

    layers: Mapping[str, Layer]
    calls: Mapping[str, KernelCall]
    library: ctypes.CDLL

    @classmethod
    def compile(cls, layers: Mapping[str, Layer], machine: Machine, directory: Path) -> "KernelLab":
        """Lower `layers` for `machine` and compile them for this machine."""
        calls = {name: lower_layer(layer, machine) for name, layer in layers.items()}
        unique = {call.kernel.name: call.kernel for call in calls.values()}
        return cls(layers, calls, load_kernels(unique.values(), directory))

    def check(self, name: str, *, scale: float = 1.0, seed: int = 0) -> None:
        """Run layer `name` on random input of that size, however its parts are dealt, and compare with torch."""
        layer, call = self.layers[name], self.calls[name]
        inputs = random_inputs(layer, scale, seed)
        results = [self._run(call, inputs, cuts) for cuts in _deals(call.kernel.units)]
        for result in results[1:]:
            np.testing.assert_array_equal(result.view(np.uint32), results[0].view(np.uint32))
        expected, magnitude = reference(layer, inputs)
        found = results[0][: expected.size].reshape(expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * magnitude, err_msg=name)
        assert not results[0][expected.size :].any(), "classes that fill up the last vector are zero"

    def _run(self, call: KernelCall, inputs: Arrays, cuts: Sequence[int]) -> np.ndarray:
        """Call the kernel once for each part between two cuts; see that it keeps to its result."""
        buffers = [(operand, Guarded(_initial(operand, inputs))) for operand in call.operands]
        function = getattr(self.library, call.kernel.name)
        for begin, end in pairwise(cuts):
            function(*(buffer.address for _, buffer in buffers), begin, end)
        for operand, buffer in buffers:
            assert buffer.guards_are_whole(), f"{call.kernel.name} wrote past {operand}"
            is_written = operand is call.result or isinstance(operand, Scratch)
            assert is_written or buffer.is_unchanged(), f"{call.kernel.name} altered {operand}"
        return buffers[-1][1].values


def _deals(units: int) -> Iterable[list[int]]:
    """All at once, one by one, in two and three shares of different size, with an empty one among them."""
    yield [0, units]
    yield list(range(units + 1))
    yield [0, units // 3, units]
    yield [0, units // 2, units // 2, units - units // 4, units]


def _initial(operand: Operand, inputs: Arrays) -> np.ndarray:
    if isinstance(operand, Weights):
        return operand.values
    if isinstance(operand, Tensor | ShiftBuffer):
        name = operand.name if isinstance(operand, Tensor) else f"shift_buffer_{operand.index}"
        return inputs.get(name, np.full(operand.size, GUARD))
    return np.full(operand.size, GUARD)
