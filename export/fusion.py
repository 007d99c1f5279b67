"""From Relax's operators to fused layers.

    conv2d -> + bias [-> + residual] [-> relu | clamp(0, 6)]      becomes one Convolution
    concat(shift buffer, slice(x)) -> conv2d                      becomes its `shift`
    slice(x) as a result                                          becomes a SaveShift

A value is fused away only if nothing else uses it.
"""

from typing import Any

import numpy as np

from tsm_edge.errors import CompileError
from tsm_edge.export.layers import (
    Activation,
    Convolution,
    Dense,
    GlobalAveragePool,
    Layer,
    MaxPool,
    Network,
    SaveShift,
    Shift,
    Tensor,
)
from tsm_edge.export.relax_graph import Graph, Node

__all__ = ["fuse_layers"]

CHANNEL_AXIS = 1


def fuse_layers(graph: Graph) -> Network:
    """The network's fused layers in an order in which they can run.

    Raises:
        CompileError: An operator that no layer stands for, named.
    """
    return _Fusion(graph).network()


class _Fusion:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.frame = graph.inputs[0]
        self.buffers = {node: index for index, node in enumerate(graph.inputs[1:])}
        self.layers: dict[int, list[Layer]] = {}
        self.done: set[Node] = set(graph.inputs)

    def network(self) -> Network:
        for node in self.graph.nodes:
            if node not in self.done:
                self._visit(node)
        logits = self._tensor(self.graph.results[0])
        for buffer, saved in enumerate(self.graph.results[1:]):
            self._save_shift(buffer, saved)
        ordered = [layer for position in sorted(self.layers) for layer in self.layers[position]]
        return Network(self._tensor(self.frame), logits, tuple(ordered))

    def _visit(self, node: Node) -> None:
        visit = getattr(self, f"_visit_{node.op.replace('nn.', '')}", None)
        if visit is None:
            raise CompileError(
                f"no layer stands for the operator {node.op} ({node.name}); export the model again"
            )
        visit(node)

    def _place(self, layer: Layer, last: Node, *fused: Node) -> None:
        """A layer runs where its last operator stood, so that a residual is there by then."""
        self.layers.setdefault(last.index, []).append(layer)
        self.done.update((last, *fused))

    def _tensor(self, node: Node) -> Tensor:
        if node in self.buffers:
            raise CompileError(f"{node.name} is used by something else than a temporal shift")
        _, channels, *plane = node.shape
        height, width = plane or (1, 1)
        return Tensor(node.name, height, width, channels, planar=node is self.frame)

    # Convolutions and what is fused into them.

    def _visit_conv2d(self, conv: Node) -> None:
        weight = conv.constant(1)
        last, bias = self._take_bias(conv, weight.shape[0])
        last, residual = self._take_residual(last)
        last, activation = self._take_activation(last)
        x, shift = self._unshift(conv.node(0))
        layer = Convolution(
            x=self._tensor(x),
            out=self._tensor(last),
            weight=weight,
            bias=bias,
            stride=_same(conv, "strides"),
            padding=_same(conv, "padding"),
            groups=int(conv.attributes.groups),
            activation=activation,
            residual=self._tensor(residual) if residual else None,
            shift=shift,
        )
        if _same(conv, "dilation") != 1:
            raise CompileError(f"{conv.name} is a dilated convolution, which no kernel rule covers")
        self._place(layer, last, conv)

    def _take_bias(self, conv: Node, channels: int) -> tuple[Node, Any]:
        follower = conv.only_consumer
        if follower and follower.op == "add" and _adds_per_channel(follower):
            self.done.add(follower)
            return follower, np.ascontiguousarray(follower.constant(1).reshape(-1))
        return conv, np.zeros(channels, np.float32)

    def _take_residual(self, last: Node) -> tuple[Node, Node | None]:
        """Fuse an addition into the later one of its two operands: the other one is complete by then."""
        follower = last.only_consumer
        if follower is None or follower.op != "add" or follower.is_constant(0) or follower.is_constant(1):
            return last, None
        left, right = follower.node(0), follower.node(1)
        other = left if right is last else right
        if other.index > last.index or other.shape != last.shape or other is self.frame:
            return last, None
        self.done.add(follower)
        return follower, other

    def _take_activation(self, last: Node) -> tuple[Node, Activation]:
        follower = last.only_consumer
        if follower and follower.op == "nn.relu":
            self.done.add(follower)
            return follower, "relu"
        if follower and _clamps(follower, "maximum", 0.0):
            clamp = follower.only_consumer
            if clamp and _clamps(clamp, "minimum", 6.0):
                self.done.update((follower, clamp))
                return clamp, "relu6"
        return last, "none"

    # Temporal shift.

    def _visit_concat(self, node: Node) -> None:
        """Nothing to compute: the convolutions behind it read the shift buffer themselves."""
        if any(consumer.op != "nn.conv2d" for consumer in node.consumers) or node.is_result:
            raise CompileError(f"a shifted tensor ({node.name}) is used by something else than a convolution")
        self.done.add(node)

    def _visit_strided_slice(self, node: Node) -> None:
        if not node.is_result and any(consumer.op != "concat" for consumer in node.consumers):
            raise CompileError(f"a slice ({node.name}) is used by something else than a temporal shift")
        self.done.add(node)

    def _unshift(self, node: Node) -> tuple[Node, Shift | None]:
        if node.op != "concat":
            return node, None
        buffer, rest = node.node(0), node.node(1)
        fold = buffer.shape[CHANNEL_AXIS]
        if buffer not in self.buffers or rest.op != "strided_slice" or _slice(rest) != (fold, node.shape[1]):
            raise CompileError(
                f"{node.name} joins something else than a shift buffer and the rest of a frame"
            )
        return rest.node(0), Shift(self.buffers[buffer], fold)

    def _save_shift(self, buffer: int, saved: Node) -> None:
        """Place the copy behind the last layer that reads the old contents."""
        if saved.op != "strided_slice" or _slice(saved) != (0, saved.shape[CHANNEL_AXIS]):
            raise CompileError(f"result {saved.name} is no slice of a frame's first channels")
        layer = SaveShift(self._tensor(saved.node(0)), Shift(buffer, saved.shape[CHANNEL_AXIS]))
        readers = [
            position
            for position, layers in self.layers.items()
            for reader in layers
            if isinstance(reader, Convolution) and reader.shift and reader.shift.buffer == buffer
        ]
        if not readers:
            raise CompileError(f"shift buffer {buffer} is never read: the temporal shift was lost on the way")
        self.layers[max(readers)].append(layer)

    # The rest.

    def _visit_max_pool2d(self, node: Node) -> None:
        x = self._tensor(node.node(0))
        kernel, stride, padding = (_same(node, name) for name in ("pool_size", "strides", "padding"))
        if _same(node, "dilation") != 1 or node.attributes.ceil_mode:
            raise CompileError(f"{node.name} is a dilated or rounded-up pooling, which no kernel rule covers")
        self._place(MaxPool(x, self._tensor(node), kernel, stride, padding), node)

    def _visit_mean(self, node: Node) -> None:
        if {int(axis) % 4 for axis in node.attributes.axis or ()} != {2, 3}:
            raise CompileError(f"{node.name} is a mean over something else than all pixels")
        self._place(GlobalAveragePool(self._tensor(node.node(0)), self._tensor(node)), node)

    def _visit_matmul(self, node: Node) -> None:
        if len(node.shape) != 2:
            raise CompileError(f"matmul ({node.name}) is of a picture; kernels multiply one vector a frame")
        weight = np.ascontiguousarray(node.constant(1).T)
        last, bias = self._take_bias(node, weight.shape[0])
        self._place(Dense(self._tensor(node.node(0)), self._tensor(last), weight, bias), last, node)


def _same(node: Node, attribute: str) -> int:
    """The one value of an attribute that could differ by side or axis."""
    values = {int(value) for value in getattr(node.attributes, attribute)}
    if len(values) != 1:
        raise CompileError(
            f"{node.op} ({node.name}) has uneven {attribute} {sorted(values)}: no kernel rule covers it"
        )
    return values.pop()


def _adds_per_channel(node: Node) -> bool:
    """Whether an addition's second operand is one constant a channel."""
    if not node.is_constant(1):
        return False
    shape = node.constant(1).shape
    per_channel = [size if axis == CHANNEL_AXIS else 1 for axis, size in enumerate(node.shape)]
    return [1] * (len(per_channel) - len(shape)) + list(shape) == per_channel


def _slice(node: Node) -> tuple[int, int]:
    """First and last-but-one channel of a slice along the channels."""
    axes, begin, end = (node.constant(position).reshape(-1) for position in (1, 2, 3))
    if list(axes) != [CHANNEL_AXIS]:
        raise CompileError(f"slice {node.name} is not along the channels")
    return int(begin[0]), int(min(end[0], node.node(0).shape[CHANNEL_AXIS]))


def _clamps(node: Node, op: str, bound: float) -> bool:
    return node.op == op and node.is_constant(1) and float(node.constant(1)) == bound
