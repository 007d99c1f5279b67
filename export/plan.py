"""The flat call plan of a network on a target: kernels, packed weights, and a place for every tensor."""

from dataclasses import dataclass

import numpy as np

from tsm_edge.export.blocks import fuse_blocks
from tsm_edge.export.kernels import inverted_residual
from tsm_edge.export.kernels.call import KernelCall, Scratch, Weights
from tsm_edge.export.kernels.emitter import Kernel
from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.layers import FLOAT_BYTES, Network
from tsm_edge.export.memory_plan import ALIGNMENT, plan_memory
from tsm_edge.export.tuning.choice import TunedTiles
from tsm_edge.manifest import KernelRecord, TunedRecord
from tsm_edge.targets import TargetSpec

__all__ = ["Plan", "fuse_for", "plan_network"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that code generation needs to know.

    Attributes:
        calls: Kernel calls in their order.
        kernels: Their functions, each once.
        arena: Byte offset of each activation, by tensor name.
        weight_offsets: Byte offset of each weight operand in `weights`, by identity of the operand.
        weights: Contents of weights.bin.
        logits: Name of the tensor whose first floats are the logits.
        scratch_bytes: What each thread needs for itself.
        tuned: For each call, what was measured of its tiles, if they are not the rule's own.
        tuning_notes: Why something that was measured is not used, or is doubtful.
    """

    calls: tuple[KernelCall, ...]
    kernels: tuple[Kernel, ...]
    arena: dict[str, int]
    arena_bytes: int
    weight_offsets: dict[int, int]
    weights: bytes
    logits: str
    scratch_bytes: int
    tuned: tuple[TunedRecord | None, ...]
    tuning_notes: tuple[str, ...] = ()

    def records(self) -> tuple[KernelRecord, ...]:
        """The calls as the manifest lists them."""
        return tuple(
            KernelRecord(
                name=call.kernel.name,
                rule=call.rule,
                layer=call.layer,
                flop=call.flop,
                bytes_moved=call.bytes_moved,
                tuned=tuned,
            )
            for call, tuned in zip(self.calls, self.tuned, strict=True)
        )


def plan_network(network: Network, target: TargetSpec, tuning: TunedTiles | None = None) -> Plan:
    """Choose a kernel for every layer and a place for every tensor.

    Args:
        network: Fused layers.
        target: Where they will run.
        tuning: Tiles that were measured to be faster than the rules' own.

    Raises:
        CompileError: A layer that no rule covers.
    """
    tuning = tuning or TunedTiles()
    machine = machine_of(target)
    network = fuse_for(target, network)
    chosen = [tuning.choose(layer, machine) for layer in network.layers]
    calls = tuple(choice.call for choice in chosen)
    memory = plan_memory(calls, network.logits.name)
    offsets, weights = _lay_out_weights(calls)
    kernels = {call.kernel.name: call.kernel for call in calls}
    return Plan(
        calls=calls,
        kernels=tuple(kernels.values()),
        arena=memory.offsets,
        arena_bytes=memory.arena_bytes,
        weight_offsets=offsets,
        weights=weights,
        logits=network.logits.name,
        scratch_bytes=_scratch_bytes(calls),
        tuned=tuple(choice.tuned for choice in chosen),
        tuning_notes=tuple(dict.fromkeys(choice.note for choice in chosen if choice.note)),
    )


def fuse_for(target: TargetSpec, network: Network) -> Network:
    """`network` with those blocks fused that one kernel computes faster on `target`."""
    return fuse_blocks(
        network,
        lambda block: inverted_residual.covers(block) and inverted_residual.pays(block, target.l2_bytes),
    )


def _scratch_bytes(calls: tuple[KernelCall, ...]) -> int:
    sizes = [operand.size for call in calls for operand in call.operands if isinstance(operand, Scratch)]
    return -(-max(sizes, default=0) * FLOAT_BYTES // ALIGNMENT) * ALIGNMENT


def _lay_out_weights(calls: tuple[KernelCall, ...]) -> tuple[dict[int, int], bytes]:
    """All constants in the order in which a frame reads them, each on a cache line of its own."""
    offsets: dict[int, int] = {}
    pieces: list[bytes] = []
    size = 0
    for operand in (operand for call in calls for operand in call.operands if isinstance(operand, Weights)):
        piece = np.ascontiguousarray(operand.values, np.float32).tobytes()
        offsets[id(operand)] = size
        padding = -len(piece) % ALIGNMENT
        pieces += [piece, bytes(padding)]
        size += len(piece) + padding
    assert all(offset % FLOAT_BYTES == 0 for offset in offsets.values())
    return offsets, b"".join(pieces)
