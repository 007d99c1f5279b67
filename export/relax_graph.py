"""Relax's `main` as a plain list of nodes, so that fusion can look back and forth.

Two things are settled here. A clamp to 0 or 6 arrives as a call of a generated maximum or minimum function (ONNX's
Clip must pass NaN on), everything else as a Relax operator. And what depends on constants alone is computed: Relax's
own pass compiles a program for each of the hundred reshapes, which takes most of a minute.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax
from tvm.ir.expr import GenericConst

from tsm_edge.errors import CompileError

__all__ = ["Graph", "Node", "read_graph"]

Array = npt.NDArray[Any]

# Operators that the importer applies to weights and bounds, on (operands, attributes).
_FOLDED: dict[str, Callable[[list[Array], Any], Array]] = {
    "isnan": lambda operands, _: np.isnan(operands[0]),
    "permute_dims": lambda operands, attributes: operands[0].transpose([int(a) for a in attributes.axes]),
    "reshape": lambda operands, _: operands[0].reshape(operands[1]),
    "where": lambda operands, _: np.where(*operands),
}


@dataclass(eq=False)
class Node:
    """One value of the network.

    Attributes:
        op: Relax's operator name without its prefix, "maximum", "minimum", or "input".
        inputs: Where its operands come from; constants are arrays.
        shape: NCHW or NC, as in the ONNX model.
        attributes: Relax's attributes of the operator, if any.
        name: Of the Relax variable.
        index: Position in the order of computation.
        consumers: Nodes that use it; the network's results count as one.
    """

    op: str
    inputs: list["Node | Array"]
    shape: tuple[int, ...]
    attributes: Any
    name: str
    index: int
    consumers: list["Node"] = field(default_factory=list)
    is_result: bool = False

    @property
    def only_consumer(self) -> "Node | None":
        """The one node that uses this value, if it is one."""
        return self.consumers[0] if len(self.consumers) == 1 and not self.is_result else None

    def node(self, position: int) -> "Node":
        """Operand `position`, which must not be a constant."""
        value = self.inputs[position]
        if not isinstance(value, Node):
            raise CompileError(f"{self.op} of a constant ({self.name}): the model was not folded")
        return value

    def constant(self, position: int) -> Array:
        """Operand `position`, which must be a constant."""
        value = self.inputs[position]
        if isinstance(value, Node):
            raise CompileError(
                f"{self.op} ({self.name}) expects constant weights, got {value.op} ({value.name})"
            )
        return value

    def is_constant(self, position: int) -> bool:
        """Whether operand `position` is a constant."""
        return not isinstance(self.inputs[position], Node)


@dataclass(frozen=True)
class Graph:
    """Inputs, all nodes in the order of computation, and the results."""

    inputs: tuple[Node, ...]
    nodes: tuple[Node, ...]
    results: tuple[Node, ...]


def read_graph(module: Any) -> Graph:
    """Read `main` of a Relax module.

    Raises:
        CompileError: It holds something else than calls of operators on tensors.
    """
    main = module["main"]
    reader = _Reader()
    inputs = tuple(reader.add_input(parameter) for parameter in main.params)
    for block in main.body.blocks:
        for binding in block.bindings:
            reader.add(binding.var, binding.value)
    results = reader.tuples.get(main.body.body)
    if results is None:
        raise CompileError("the model does not return logits and shift buffers as one tuple")
    for result in results:
        result.is_result = True
    return Graph(inputs, tuple(reader.nodes), results)


class _Reader:
    """Turns Relax bindings into nodes, one after the other."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.values: dict[Any, Node | Array] = {}
        self.tuples: dict[Any, tuple[Node, ...]] = {}

    def add_input(self, variable: Any) -> Node:
        return self._add_node(variable, "input", [], None)

    def add(self, variable: Any, value: Any) -> None:
        if isinstance(value, tvm.ir.Tuple):
            self.tuples[variable] = tuple(self._result(element) for element in value.fields)
        elif isinstance(value, relax.Var) and value in self.tuples:
            self.tuples[variable] = self.tuples[value]
        elif isinstance(value, relax.Var):
            self.values[variable] = self.values[value]
        elif isinstance(value, tvm.ir.Call) and value.op.name == "relax.call_tir":
            function, arguments = value.args[0], value.args[1]
            self._add_call(variable, function.name_hint.rstrip("0123456789"), list(arguments.fields), None)
        elif isinstance(value, tvm.ir.Call):
            self._add_call(variable, value.op.name.removeprefix("relax."), list(value.args), value.attrs)
        else:
            raise CompileError(f"cannot read {type(value).__name__} in the model's graph")

    def _result(self, variable: Any) -> Node:
        result = self.values.get(variable)
        if not isinstance(result, Node):
            raise CompileError("a result of the model is a constant: its input was lost on the way")
        return result

    def _add_call(self, variable: Any, op: str, arguments: list[Any], attributes: Any) -> None:
        inputs = [operand for argument in arguments for operand in self._operands(argument)]
        constants = [operand for operand in inputs if not isinstance(operand, Node)]
        if op in _FOLDED and len(constants) == len(inputs):
            self.values[variable] = _FOLDED[op](constants, attributes)
        else:
            self._add_node(variable, op, inputs, attributes)

    def _add_node(self, variable: Any, op: str, inputs: list[Node | Array], attributes: Any) -> Node:
        shape = tuple(int(extent) for extent in variable.ty.shape.values)
        node = Node(op, inputs, shape, attributes, str(variable.name), len(self.nodes))
        for operand in inputs:
            if isinstance(operand, Node):
                operand.consumers.append(node)
        self.nodes.append(node)
        self.values[variable] = node
        return node

    def _operands(self, argument: Any) -> list[Node | Array]:
        if isinstance(argument, relax.Var):
            return [self.values[argument]]
        if isinstance(argument, GenericConst):
            constant: Any = argument  # TVM's own annotations leave `value` out
            return [constant.value.numpy()]
        if isinstance(argument, relax.ShapeExpr):
            return [np.array([int(extent) for extent in argument.values])]
        if isinstance(argument, tvm.ir.Tuple) and all(
            isinstance(field, relax.Var) for field in argument.fields
        ):
            return [self.values[field] for field in argument.fields]
        if isinstance(argument, tvm.tirx.IntImm | tvm.tirx.FloatImm):
            return [np.array(argument.value)]
        return [np.array([int(field) for field in argument.fields])]
