"""Proofs that an ONNX graph does what the torch model does, above all with the state.

A graph may look right and still have lost the shift: an exporter folds a state input to a constant, or slices
other channels. So besides comparing a stream, each state input must move the logits, and each state output
must be what torch says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch

from tsm_edge.errors import ExportError
from tsm_edge.export.models.clip_model import StreamingModel

__all__ = ["TOLERANCE", "OnnxCheck", "check_onnx"]

# Same float32 arithmetic in another order of summation: errors follow the largest value of the tensor.
TOLERANCE = 1e-5

NUM_FRAMES = 16
SEED = 16

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class OnnxCheck:
    """What was compared with torch.

    Attributes:
        num_frames: Length of the random stream.
        max_relative_error: Largest difference of the logits, as a share of the largest logit.
        least_influence: How far the logits move, as a share of the largest, when one state input is
            replaced by zeros after the stream; the least of all inputs.
    """

    num_frames: int
    max_relative_error: float
    least_influence: float


def check_onnx(proto: onnx.ModelProto, streaming: StreamingModel) -> OnnxCheck:
    """Prove the graph against the torch model it was exported from.

    Raises:
        ExportError: The graph is invalid, its interface is another, its logits or states differ from torch's,
            or a state input does not influence the logits.
    """
    _check_graph(proto)
    session = _open_session(proto)
    _check_interface(session, streaming)
    rng = np.random.default_rng(SEED)
    frames = rng.standard_normal((NUM_FRAMES, *streaming.spec.input_shape), dtype=np.float32)
    reference = _torch_stream(streaming, frames)
    # First, because a lost shift moves every later state and logit too, and that is its clearest name.
    least_influence = _check_influence(session, frames[-1], reference.states[-2])
    max_relative_error = _check_stream(session, frames, reference)
    return OnnxCheck(
        num_frames=NUM_FRAMES, max_relative_error=max_relative_error, least_influence=least_influence
    )


@dataclass(frozen=True)
class _Reference:
    """torch's answers to the stream: logits (T, num_classes), and the state after each frame."""

    logits: Array
    states: tuple[tuple[Array, ...], ...]


def _torch_stream(streaming: StreamingModel, frames: Array) -> _Reference:
    logits, states = [], []
    state = list(streaming.initial_state())
    with torch.inference_mode():
        for frame in frames:
            answer, *state = streaming(torch.from_numpy(frame), *state)
            logits.append(answer[0].numpy())
            states.append(tuple(buffer.numpy() for buffer in state))
    return _Reference(np.stack(logits), tuple(states))


def _check_graph(proto: onnx.ModelProto) -> None:
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"the exported graph is no valid ONNX: {error}") from error


def _open_session(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _check_interface(session: onnxruntime.InferenceSession, streaming: StreamingModel) -> None:
    spec = streaming.spec
    buffers = list(enumerate(spec.state.shapes))
    expected = {
        "inputs": {"frame": spec.input_shape, **{f"shift_buffer_{i}": shape for i, shape in buffers}},
        "outputs": {
            "logits": (1, spec.num_classes),
            **{f"next_shift_buffer_{i}": shape for i, shape in buffers},
        },
    }
    found = {
        "inputs": {value.name: tuple(value.shape) for value in session.get_inputs()},
        "outputs": {value.name: tuple(value.shape) for value in session.get_outputs()},
    }
    for side in expected:
        if found[side] != expected[side]:
            raise ExportError(f"the exported graph's {side} are {found[side]}; expected {expected[side]}")


def _check_influence(session: onnxruntime.InferenceSession, frame: Array, state: tuple[Array, ...]) -> float:
    """Least relative change of the logits when one state input is replaced by zeros.

    The engine answers the same input with the same bits, so any change at all proves a connection.
    """
    logits = _onnx_step(session, frame, state)[0]
    influences = []
    for i, buffer in enumerate(state):
        changed = (*state[:i], np.zeros_like(buffer), *state[i + 1 :])
        influence = np.abs(_onnx_step(session, frame, changed)[0] - logits).max() / np.abs(logits).max()
        if influence == 0:
            raise ExportError(f"shift_buffer_{i} does not influence the logits: the shift was lost")
        influences.append(float(influence))
    return min(influences)


def _check_stream(session: onnxruntime.InferenceSession, frames: Array, reference: _Reference) -> float:
    """Largest relative error of the logits; the engine is fed its own state."""
    state: Sequence[Array] = [np.zeros_like(buffer) for buffer in reference.states[0]]
    errors = []
    for number, frame in enumerate(frames):
        logits, *state = _onnx_step(session, frame, state)
        _check_state(state, reference.states[number], number)
        errors.append(float(np.abs(logits[0] - reference.logits[number]).max()))
    worst, largest = float(np.max(errors)), float(np.abs(reference.logits).max())
    if not worst <= TOLERANCE * largest:  # not a number is no answer either
        raise ExportError(
            f"the exported graph's logits differ from torch's by {worst:.1e} on frame "
            f"{int(np.argmax(errors))}; at most {TOLERANCE * largest:.1e} is accepted"
        )
    return worst / largest


def _check_state(found: Sequence[Array], expected: Sequence[Array], frame_number: int) -> None:
    for i, (buffer, reference) in enumerate(zip(found, expected, strict=True)):
        error = float(np.abs(buffer - reference).max())
        if not error <= TOLERANCE * float(np.abs(reference).max()):
            raise ExportError(
                f"next_shift_buffer_{i} is not the slice it should be: on frame {frame_number} it differs "
                f"from torch's by {error:.1e}"
            )


def _onnx_step(session: onnxruntime.InferenceSession, frame: Array, state: Sequence[Array]) -> list[Array]:
    feed = {"frame": frame, **{f"shift_buffer_{i}": buffer for i, buffer in enumerate(state)}}
    names = ["logits", *(f"next_shift_buffer_{i}" for i in range(len(state)))]
    return [np.asarray(output, dtype=np.float32) for output in session.run(names, feed)]
