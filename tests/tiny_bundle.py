"""A small real bundle: a two-block streaming network in ONNX, with its manifest and golden stream."""

from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS, ONNX_MODEL, record_files
from tsm_edge.manifest import Manifest, Verification, write_manifest
from tsm_edge.specs import ONNX_METADATA_KEY, ModelSpec, PreprocessSpec, SmoothingSpec, StateSpec
from tsm_edge.targets import host_target

__all__ = ["tiny_spec", "write_tiny_bundle"]

IMAGE_SIZE = 32
CHANNELS = 16
SHIFTED = 2
GRID = IMAGE_SIZE // 4
LABELS = (
    "No gesture",
    "Doing other things",
    "Thumb Up",
    "Thumb Down",
    "Rolling",
    "Stop Sign",
    "Shaking Hand",
)
GOLDEN_LENGTH = 6


def tiny_spec(*, trained: bool = False, smoothing: SmoothingSpec | None = None) -> ModelSpec:
    rules = SmoothingSpec(
        window=4,
        hysteresis=2,
        merge=(("Doing other things", "No gesture"),),
        ignore=("Rolling",),
        background=("No gesture",),
    )
    return ModelSpec(
        name="tiny",
        architecture="mobilenetv2",
        num_classes=len(LABELS),
        labels=LABELS,
        trained=trained,
        state=StateSpec(shapes=((1, SHIFTED, GRID, GRID),) * 2),
        preprocess=PreprocessSpec(resize_short_side=36, crop_size=IMAGE_SIZE),
        smoothing=smoothing or rules,
    )


def write_tiny_bundle(directory: Path, spec: ModelSpec | None = None, *, seed: int = 3) -> Path:
    """Fill `directory` with a bundle that ONNX Runtime can run, and return it.

    With the default seed a black picture is "No gesture" and a white one "Stop Sign".
    """
    spec = spec or tiny_spec()
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(_network(spec, seed), directory / ONNX_MODEL)
    _write_golden(directory, spec, seed)
    manifest = Manifest(
        model=spec,
        target=host_target(),
        precision="fp32",
        threads=1,
        abi_version=2,
        arena_bytes=0,
        weight_bytes=0,
        kernels=(),
        files=record_files(directory),
        verification=Verification(method="not run"),
    )
    write_manifest(manifest, directory)
    return directory


def _network(spec: ModelSpec, seed: int) -> onnx.ModelProto:
    weights = _weights(np.random.default_rng(seed), spec.num_classes)
    nodes = [
        helper.make_node(
            "Conv", ["frame", "stem.w", "stem.b"], ["stem"], strides=[4, 4], kernel_shape=[4, 4]
        ),
        helper.make_node("Relu", ["stem"], ["x0"]),
        *_block(0),
        *_block(1),
        helper.make_node("GlobalAveragePool", ["x2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "head.w", "head.b"], ["logits"]),
    ]
    buffers = [
        helper.make_tensor_value_info(f"shift_buffer_{i}", TensorProto.FLOAT, shape)
        for i, shape in enumerate(spec.state.shapes)
    ]
    next_buffers = [
        helper.make_tensor_value_info(f"next_shift_buffer_{i}", TensorProto.FLOAT, shape)
        for i, shape in enumerate(spec.state.shapes)
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("frame", TensorProto.FLOAT, spec.input_shape), *buffers],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, spec.num_classes)), *next_buffers],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {ONNX_METADATA_KEY: msgspec.json.encode(spec).decode()})
    onnx.checker.check_model(model)
    return model


def _block(i: int) -> list[onnx.NodeProto]:
    """One residual block: x + relu(conv(shift(x))), with the shift in the residual branch only."""
    x, buffer = f"x{i}", f"shift_buffer_{i}"
    return [
        helper.make_node("Slice", [x, "zero", "shifted", "one"], [f"next_{buffer}"]),
        helper.make_node("Slice", [x, "shifted", "channels", "one"], [f"rest{i}"]),
        helper.make_node("Concat", [buffer, f"rest{i}"], [f"swapped{i}"], axis=1),
        helper.make_node(
            "Conv", [f"swapped{i}", f"block{i}.w", f"block{i}.b"], [f"conv{i}"], pads=[1, 1, 1, 1]
        ),
        helper.make_node("Relu", [f"conv{i}"], [f"relu{i}"]),
        helper.make_node("Add", [x, f"relu{i}"], [f"x{i + 1}"]),
    ]


def _weights(rng: np.random.Generator, num_classes: int) -> dict[str, np.ndarray]:
    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32) / np.float32(np.sqrt(np.prod(shape[1:])))

    return {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "shifted": np.array([SHIFTED], np.int64),
        "channels": np.array([CHANNELS], np.int64),
        "stem.w": normal(CHANNELS, 3, 4, 4),
        "stem.b": normal(CHANNELS),
        "block0.w": normal(CHANNELS, CHANNELS, 3, 3),
        "block0.b": normal(CHANNELS),
        "block1.w": normal(CHANNELS, CHANNELS, 3, 3),
        "block1.b": normal(CHANNELS),
        "head.w": 4 * normal(CHANNELS, num_classes),
        "head.b": np.zeros(num_classes, np.float32),
    }


def _write_golden(directory: Path, spec: ModelSpec, seed: int) -> None:
    frames = np.random.default_rng(seed).integers(
        0, 256, (GOLDEN_LENGTH, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8
    )
    session = onnxruntime.InferenceSession(directory / ONNX_MODEL, providers=["CPUExecutionProvider"])
    buffers = [np.zeros(shape, np.float32) for shape in spec.state.shapes]
    logits = []
    for frame in frames:
        x = (frame / 255 - np.array(spec.preprocess.mean)) / np.array(spec.preprocess.std)
        feeds = {f"shift_buffer_{i}": buffer for i, buffer in enumerate(buffers)}
        row, *buffers = session.run(None, {"frame": x.transpose(2, 0, 1)[None].astype(np.float32), **feeds})
        logits.append(row[0])
    np.save(directory / GOLDEN_FRAMES, frames)
    np.save(directory / GOLDEN_LOGITS, np.stack(logits))
