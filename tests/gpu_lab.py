"""A GPU plan on the CPU: single layers against references, and whole networks frame by frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cuda_on_cpu import CpuKernels, build_cpu_kernels
from layer_reference import random_inputs, reference

from tsm_edge.export.cuda import GpuPlan
from tsm_edge.export.cuda.call import Context, GpuCall, Operand, ShiftBuffer, Weights
from tsm_edge.export.cuda.codegen import cuda_source
from tsm_edge.export.cuda.emitter import Arithmetic
from tsm_edge.export.cuda.plan import offset_of
from tsm_edge.export.cuda.rules import lower_layer
from tsm_edge.export.layers import Layer, SaveShift, Tensor
from tsm_edge.targets.gpu import JETSON_NANO_GPU, GpuSpec

__all__ = ["ARITHMETICS", "GpuLab", "GpuStream"]

ARITHMETICS = {"fp32": Arithmetic("float"), "fp16": Arithmetic("half")}
# Against float64: float32 products in another order of summation. Half precision: inputs, weights and results have 11
# bits, and up to 64 products are added up with as many.
TOLERANCES = {"float": 1e-6, "half": 3e-3}
ALIGNMENT = 256
GUARD_BYTES = 256
# Not a number as float32 and as half: what reads past an end spoils its result, what writes there is seen.
GUARD = 0xFF


class Guarded:
    """Memory as the driver gives it, between two guards, filled with no numbers."""

    def __init__(self, num_bytes: int, values: np.ndarray | None = None) -> None:
        raw = np.full(num_bytes + 2 * GUARD_BYTES + ALIGNMENT, GUARD, np.uint8)
        skipped = -raw.ctypes.data % ALIGNMENT
        self._all = raw[skipped : skipped + num_bytes + 2 * GUARD_BYTES]
        self.bytes = self._all[GUARD_BYTES : GUARD_BYTES + num_bytes]
        if values is not None:
            self.bytes[:] = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._before = self._all.copy()

    @property
    def address(self) -> int:
        return int(self.bytes.ctypes.data)

    def guards_are_whole(self) -> bool:
        return bool((self._all[:GUARD_BYTES] == GUARD).all() and (self._all[-GUARD_BYTES:] == GUARD).all())

    def is_unchanged(self) -> bool:
        return np.array_equal(self._all, self._before)


@dataclass(frozen=True)
class GpuLab:
    """Layers by name, each with its launch, and all kernels in one library."""

    layers: Mapping[str, Layer]
    calls: Mapping[str, GpuCall]
    context: Context
    kernels: CpuKernels

    @classmethod
    def compile(
        cls,
        layers: Mapping[str, Layer],
        precision: str,
        directory: Path,
        gpu: GpuSpec = JETSON_NANO_GPU,
        saves: Mapping[str, Sequence[SaveShift]] | None = None,
    ) -> "GpuLab":
        """Lower `layers` and compile them for the CPU."""
        context = Context(gpu, ARITHMETICS[precision], "logits")
        calls = {
            name: lower_layer(layer, context, (saves or {}).get(name, ())) for name, layer in layers.items()
        }
        unique = {call.kernel.name: call.kernel for call in calls.values()}
        library = build_cpu_kernels(cuda_source(unique.values(), gpu.arch), directory)
        return cls(layers, calls, context, CpuKernels(library))

    def check(self, name: str, *, scale: float = 1.0, seed: int = 0) -> None:
        """Run layer `name` on random input of that size and compare with torch."""
        layer = self.layers[name]
        inputs = {key: self._stored(values) for key, values in random_inputs(layer, scale, seed).items()}
        found = self.run(name, inputs)
        expected, magnitude = reference(self._rounded(layer), inputs)
        tolerance = TOLERANCES[self.context.arithmetic.kind] * magnitude
        np.testing.assert_allclose(
            found[: expected.size].reshape(expected.shape), expected, rtol=0, atol=tolerance, err_msg=name
        )

    def run(self, name: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The last operand after the launch, as float32; inputs and guards must be as they were."""
        call = self.calls[name]
        buffers = [self._buffer(operand, inputs) for operand in call.operands]
        kernel = call.kernel
        self.kernels.launch(kernel.name, kernel.grid, kernel.block, [buffer.address for buffer in buffers])
        for operand, buffer in zip(call.operands[:-1], buffers[:-1], strict=True):
            assert buffer.is_unchanged(), f"{kernel.name} altered {operand}"
        assert buffers[-1].guards_are_whole(), f"{kernel.name} wrote past its result"
        return buffers[-1].bytes.view(self._dtype(call.operands[-1])).astype(np.float32)

    def _buffer(self, operand: Operand, inputs: Mapping[str, np.ndarray]) -> Guarded:
        dtype = self._dtype(operand)
        values = operand.values if isinstance(operand, Weights) else None
        if isinstance(operand, Tensor | ShiftBuffer):
            name = operand.name if isinstance(operand, Tensor) else f"shift_buffer_{operand.index}"
            values = inputs.get(name)
        num_bytes = operand.size * np.dtype(dtype).itemsize
        return Guarded(num_bytes, None if values is None else values.astype(dtype))

    def _dtype(self, operand: Operand) -> type[np.float16] | type[np.float32]:
        return np.float16 if self.context.kind(operand) == "half" else np.float32

    def _stored(self, values: np.ndarray) -> np.ndarray:
        """What is left of values once they are stored: the reference starts from the same ones."""
        return values.astype(np.float16).astype(np.float32) if self._is_half else values

    @property
    def _is_half(self) -> bool:
        return self.context.arithmetic.kind == "half"

    def _rounded(self, layer: Layer) -> Layer:
        return layer


class GpuStream:
    """A plan's frames, one after the other, as the driver runs them."""

    def __init__(self, plan: GpuPlan, num_classes: int, directory: Path) -> None:
        self.plan = plan
        self.kernels = CpuKernels(build_cpu_kernels(plan.cuda_source, directory))
        self.spaces = {
            "arena": Guarded(plan.arena_bytes),
            "weights": Guarded(len(plan.weights), np.frombuffer(plan.weights, np.uint8)),
            "state": Guarded(plan.state_bytes, np.zeros(plan.state_bytes, np.uint8)),
            "logits": Guarded(4 * num_classes),
        }

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Logits of one frame (1, 3, H, W)."""
        spaces = {**self.spaces, "frame": Guarded(frame.nbytes, frame)}
        for call in self.plan.calls:
            places = [offset_of(self.plan, operand) for operand in call.operands]
            addresses = [spaces[space].address + offset for space, offset in places]
            self.kernels.launch(call.kernel.name, call.kernel.grid, call.kernel.block, addresses)
        assert all(space.guards_are_whole() for space in spaces.values())
        assert spaces["weights"].is_unchanged()
        assert spaces["frame"].is_unchanged()
        return self.spaces["logits"].bytes.view(np.float32).copy()
