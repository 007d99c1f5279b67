"""The launches of a network on a GPU: kernels, packed weights, and a place for every tensor."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tsm_edge.export.cuda import convolution
from tsm_edge.export.cuda.call import Context, GpuCall, Operand, ShiftBuffer, Weights
from tsm_edge.export.cuda.codegen import cuda_source
from tsm_edge.export.cuda.emitter import Arithmetic, Kernel
from tsm_edge.export.cuda.rules import lower_layer
from tsm_edge.export.layers import Convolution, GlobalAveragePool, Layer, Network, SaveShift
from tsm_edge.export.memory_plan import plan_memory
from tsm_edge.manifest import KernelRecord
from tsm_edge.targets.gpu import GpuSpec

__all__ = ["GpuPlan", "plan_gpu"]

# Widest load, rounded up to what cudaMalloc itself keeps to; every operand begins there.
ALIGNMENT = 256


@dataclass(frozen=True, kw_only=True)
class GpuPlan:
    """All that the generated tables, the driver and a projection need to know.

    Attributes:
        gpu: Where it will run.
        arithmetic: How activations, weights and state are stored and multiplied.
        calls: Launches in their order, on one stream.
        kernels: Their functions, each once.
        arena: Byte offset of each activation, by tensor name.
        weight_offsets: Byte offset of each weight operand in `weights`, by identity of the operand.
        weights: Contents of gpu_weights.bin.
        state_offsets: Byte offset of each shift buffer, channels last.
        cuda_source: CUDA C of all kernels, complete.
    """

    gpu: GpuSpec
    arithmetic: Arithmetic
    calls: tuple[GpuCall, ...]
    kernels: tuple[Kernel, ...]
    arena: dict[str, int]
    arena_bytes: int
    weight_offsets: dict[int, int]
    weights: bytes
    state_offsets: tuple[int, ...]
    state_bytes: int
    cuda_source: str

    @property
    def half(self) -> bool:
        """Whether activations, weights and state are half floats."""
        return self.arithmetic.kind == "half"

    def records(self) -> tuple[KernelRecord, ...]:
        """The calls as a manifest lists them."""
        return tuple(
            KernelRecord(
                name=call.kernel.name,
                rule=call.rule,
                layer=call.layer,
                flop=call.flop,
                bytes_moved=call.bytes_moved,
            )
            for call in self.calls
        )


def plan_gpu(network: Network, gpu: GpuSpec, precision: str) -> GpuPlan:
    """Choose a launch for every layer and a place for every tensor.

    Args:
        network: Fused layers.
        gpu: Where they will run.
        precision: "fp32" or "fp16"; fp16 stores halves and multiplies them in pairs.

    Raises:
        CompileError: A layer that no rule covers.
    """
    arithmetic = Arithmetic("half" if precision == "fp16" else "float")
    context = Context(gpu, arithmetic, network.logits.name)
    calls = tuple(_lowered(network, context))
    memory = plan_memory(calls, None, arithmetic.element_bytes)
    weight_offsets, weights = _lay_out_weights(calls)
    state_offsets, state_bytes = _lay_out_state(network, arithmetic)
    kernels = tuple({call.kernel.name: call.kernel for call in calls}.values())
    return GpuPlan(
        gpu=gpu,
        arithmetic=arithmetic,
        calls=calls,
        kernels=kernels,
        arena=memory.offsets,
        arena_bytes=memory.arena_bytes,
        weight_offsets=weight_offsets,
        weights=weights,
        state_offsets=state_offsets,
        state_bytes=state_bytes,
        cuda_source=cuda_source(kernels, gpu.arch),
    )


def _lowered(network: Network, context: Context) -> Iterator[GpuCall]:
    """Launches in order: a mean joins its convolution, a shift buffer is renewed by the launch that follows."""
    layers = list(network.layers)
    saves: list[SaveShift] = []
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, SaveShift) and any(not isinstance(other, SaveShift) for other in layers):
            saves.append(layer)
            continue
        pool = _pool_behind(layer, layers, network)
        if pool:
            assert isinstance(layer, Convolution)
            layers.remove(pool)
            yield convolution.lower_pooled(layer, pool, context, saves)
        else:
            yield lower_layer(layer, context, saves)
        saves = []


def _pool_behind(layer: Layer, following: list[Layer], network: Network) -> GlobalAveragePool | None:
    """The mean that the next layer takes of this one's result, if nothing else needs it."""
    behind = next((other for other in following if not isinstance(other, SaveShift)), None)
    if not isinstance(behind, GlobalAveragePool) or not convolution.pools(layer, behind):
        return None
    used = sum(
        behind.x in (getattr(other, "x", None), getattr(other, "residual", None)) for other in following
    )
    return behind if used == 1 and network.logits != behind.x else None


def _lay_out_weights(calls: tuple[GpuCall, ...]) -> tuple[dict[int, int], bytes]:
    """All constants in the order in which a frame reads them."""
    offsets: dict[int, int] = {}
    pieces: list[bytes] = []
    size = 0
    for operand in (each for call in calls for each in call.operands if isinstance(each, Weights)):
        piece = np.ascontiguousarray(operand.values).tobytes()
        offsets[id(operand)] = size
        padding = -len(piece) % ALIGNMENT
        pieces += [piece, bytes(padding)]
        size += len(piece) + padding
    return offsets, b"".join(pieces)


def _lay_out_state(network: Network, arithmetic: Arithmetic) -> tuple[tuple[int, ...], int]:
    sizes = {
        layer.shift.buffer: layer.x.pixels * layer.shift.channels * arithmetic.element_bytes
        for layer in network.layers
        if isinstance(layer, SaveShift)
    }
    offsets, total = [], 0
    for buffer in range(len(sizes)):
        offsets.append(total)
        total += -(-sizes[buffer] // ALIGNMENT) * ALIGNMENT
    return tuple(offsets), total


def offset_of(plan: GpuPlan, operand: Operand) -> tuple[str, int]:
    """Space and byte offset of an operand: "frame", "arena", "weights", "state" or "logits"."""
    if isinstance(operand, Weights):
        return "weights", plan.weight_offsets[id(operand)]
    if isinstance(operand, ShiftBuffer):
        return "state", plan.state_offsets[operand.index]
    name = getattr(operand, "name", None)
    if name is None:
        return "logits", 0
    return ("frame", 0) if getattr(operand, "planar", False) else ("arena", plan.arena[name])
