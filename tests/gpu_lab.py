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
        return cls.of_calls(layers, calls, context, directory)

    @classmethod
    def of_calls(
        cls, layers: Mapping[str, Layer], calls: Mapping[str, GpuCall], context: Context, directory: Path
    ) -> "GpuLab":
        """Compile launches that are written already."""
        unique = {call.kernel.name: call.kernel for call in calls.values()}
        library = build_cpu_kernels(cuda_source(unique.values(), context.gpu.arch), directory)
        return cls(layers, calls, context, CpuKernels(library))

    def check(self, name: str, *, scale: float = 1.0, seed: int = 0) -> None:
        """Run layer `name` on random input of that size and compare with torch."""
        layer = self.layers[name]
        inputs = self.inputs(layer, scale, seed)
        self.compare(name, self.run(name, inputs)[0], *reference(layer, inputs))

    def inputs(self, layer: Layer, scale: float, seed: int) -> dict[str, np.ndarray]:
        """Random values as they are stored: the reference starts from the same ones."""
        inputs = random_inputs(layer, scale, seed)
        if self.context.arithmetic.kind == "half":
            return {name: values.astype(np.float16).astype(np.float32) for name, values in inputs.items()}
        return inputs

    def compare(self, name: str, found: np.ndarray, expected: np.ndarray, magnitude: float) -> None:
        """See that a result is as close to the reference as the arithmetic allows."""
        tolerance = TOLERANCES[self.context.arithmetic.kind] * magnitude
        np.testing.assert_allclose(
            found.reshape(expected.shape), expected, rtol=0, atol=tolerance, err_msg=name
        )

    def run(
        self, name: str, inputs: Mapping[str, np.ndarray], results: Sequence[int] = (-1,)
    ) -> list[np.ndarray]:
        """Those operands after the launch, as float32; all others and the guards must be as they were."""
        return self.launched(
            name, [self.buffer(operand, inputs) for operand in self.calls[name].operands], results
        )

    def launched(
        self, name: str, buffers: Sequence[Guarded], results: Sequence[int] = (-1,)
    ) -> list[np.ndarray]:
        """`run` with memory that is there already."""
        call, kernel = self.calls[name], self.calls[name].kernel
        self.kernels.launch(kernel.name, kernel.grid, kernel.block, [buffer.address for buffer in buffers])
        written = [range(len(buffers))[index] for index in results]
        for index, buffer in enumerate(buffers):
            assert buffer.guards_are_whole(), f"{kernel.name} wrote past {call.operands[index]}"
            assert index in written or buffer.is_unchanged(), f"{kernel.name} altered {call.operands[index]}"
        return [
            buffers[index].bytes.view(self._dtype(call.operands[index])).astype(np.float32)
            for index in written
        ]

    def buffer(self, operand: Operand, inputs: Mapping[str, np.ndarray]) -> Guarded:
        """Memory of an operand: weights, one of the inputs, or nothing yet."""
        dtype = self._dtype(operand)
        values = operand.values if isinstance(operand, Weights) else None
        if isinstance(operand, Tensor | ShiftBuffer):
            name = operand.name if isinstance(operand, Tensor) else f"shift_buffer_{operand.index}"
            values = inputs.get(name)
        num_bytes = operand.size * np.dtype(dtype).itemsize
        return Guarded(num_bytes, None if values is None else values.astype(dtype))

    def _dtype(self, operand: Operand) -> type[np.float16] | type[np.float32]:
        return np.float16 if self.context.kind(operand) == "half" else np.float32


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
