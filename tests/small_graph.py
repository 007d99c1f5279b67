"""Small ONNX graphs, node by node, with random weights and an answer by ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tsm_edge.export.relax_graph import Graph, read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.specs import ModelSpec, PreprocessSpec, StateSpec

__all__ = ["SmallGraph"]

SIZE = 8


class SmallGraph:
    """A network on a frame (1, 3, 8, 8); every call adds a node and returns its value's name.

    Attributes:
        channels: Of each value.
        results: Values that the graph returned when it was read, the logits first.
    """

    def __init__(self) -> None:
        self.channels = {"frame": 3}
        self.results: tuple[str, ...] = ()
        self._rng = np.random.default_rng(0)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, np.ndarray] = {}
        self._buffers: dict[str, tuple[int, ...]] = {}

    def node(self, op: str, *inputs: str, channels: int | None = None, **attributes: object) -> str:
        """Any operator; as many channels as its first input unless told otherwise."""
        name = f"{op.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        self.channels[name] = channels or self.channels.get(inputs[0], 1)
        return name

    def constant(self, values: object) -> str:
        """Random floats of a shape that is given as a tuple, or these very values."""
        array = self._normal(*values) if isinstance(values, tuple) else np.asarray(values)
        name = f"constant_{len(self._weights)}"
        self._weights[name] = array
        return name

    def value_of(self, constant: str) -> np.ndarray:
        """What `constant` made."""
        return self._weights[constant]

    def conv(
        self, x: str, out: int, kernel: int = 1, *, bias: bool = True, groups: int = 1, **attributes: object
    ) -> str:
        weight = self.constant((out, self.channels[x] // groups, kernel, kernel))
        parameters = [weight, self.constant((out,))] if bias else [weight]
        window = {"kernel_shape": [kernel] * 2, "pads": [kernel // 2] * 4, "group": groups}
        return self.node("Conv", x, *parameters, channels=out, **(window | attributes))

    def relu6(self, x: str, low: float = 0.0, high: float = 6.0) -> str:
        return self.node("Clip", x, *(self.constant(np.float32(bound)) for bound in (low, high)))

    def cut(self, x: str, begin: int, end: int, axis: int = 1, step: int = 1) -> str:
        """Channels `begin` to `end` of x."""
        places = [self.constant(np.array([place])) for place in (begin, end, axis, step)]
        return self.node("Slice", x, *places, channels=len(range(begin, min(end, self.channels[x]), step)))

    def buffer(self, channels: int, plane: tuple[int, ...] = (SIZE, SIZE)) -> str:
        """One more shift buffer among the inputs."""
        name = f"shift_buffer_{len(self._buffers)}"
        self._buffers[name] = (1, channels, *plane)
        self.channels[name] = channels
        return name

    def shift(self, x: str, fold: int) -> tuple[str, str]:
        """x with its first channels exchanged, and the buffer for the next frame."""
        shifted = self.join(self.buffer(fold, self._plane(x)), self.cut(x, fold, self.channels[x]))
        return shifted, self.cut(x, 0, fold)

    def join(self, *values: str, axis: int = 1) -> str:
        return self.node("Concat", *values, axis=axis, channels=sum(self.channels[value] for value in values))

    def head(self, x: str, classes: int = 5) -> str:
        """Mean and classifier."""
        pooled = self.node("ReduceMean", x, self.constant(np.array([2, 3])), keepdims=0)
        weights = self.constant((classes, self.channels[x]))
        return self.node("Gemm", pooled, weights, self.constant((classes,)), transB=1, channels=classes)

    def tail(self, x: str) -> tuple[str, str]:
        """A shifted convolution and a head behind x: the logits and the buffer for the next frame."""
        shifted, kept = self.shift(x, 1)
        return self.head(self.conv(shifted, 8)), kept

    def model(self, *results: str) -> onnx.ModelProto:
        """The graph that returns these values."""
        inputs = {"frame": (1, 3, SIZE, SIZE), **self._buffers}
        graph = helper.make_graph(
            self._nodes,
            "small",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results],
            [numpy_helper.from_array(array, name) for name, array in self._weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model)

    def read(self, directory: Path, *results: str) -> Graph:
        """What the compiler reads of it."""
        path = directory / "small.onnx"
        self.results = results
        onnx.save(self.model(*results), path)
        return read_graph(import_relax(path))

    def spec(self, **fields: Any) -> ModelSpec:
        """What a bundle would say of the graph, once all its nodes are there."""
        num_classes = self.channels[self.results[0]]
        description: dict[str, Any] = {
            "name": "small",
            "architecture": "small",
            "num_classes": num_classes,
            "labels": tuple(f"label {i}" for i in range(num_classes)),
            "trained": True,
            "state": StateSpec(shapes=tuple(self._buffers.values())),
            "preprocess": PreprocessSpec(resize_short_side=SIZE, crop_size=SIZE),
        }
        return ModelSpec(**(description | fields))

    def inputs(self, seed: int = 0) -> dict[str, np.ndarray]:
        """A random frame and random shift buffers, NCHW."""
        rng = np.random.default_rng(seed)
        shapes = {"frame": (1, 3, SIZE, SIZE), **self._buffers}
        return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}

    def answer(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """ONNX Runtime's results of what was read."""
        proto = self.model(*self.results)
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        answers: list[np.ndarray] = session.run(None, inputs)
        return answers

    def _plane(self, x: str) -> tuple[int, ...]:
        (result,) = self.model(x).graph.output
        return tuple(extent.dim_value for extent in result.type.tensor_type.shape.dim[2:])

    def _normal(self, *shape: int) -> np.ndarray:
        """Scaled by the number of inputs, so that values keep their size from layer to layer."""
        return (self._rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
