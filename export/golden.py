"""The golden stream: frames and the reference's answers, which travel with the bundle so that it can be replayed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from tsm_edge.specs import ModelSpec

__all__ = ["NUM_FRAMES", "golden_frames", "golden_logits"]

# Long enough that every shift buffer was read and written many times, short enough to travel (150 KB a frame).
NUM_FRAMES = 8
SEED = 8
# Noise at this many pixels a side, enlarged: blurred shapes like a picture's, moving, with fine noise on top.
COARSE = 14


def golden_frames(spec: ModelSpec) -> npt.NDArray[np.uint8]:
    """Seeded frames (T, H, W, 3), uint8 RGB of network size, that change from one to the next."""
    rng = np.random.default_rng(SEED)
    _, _, height, width = spec.input_shape
    rows, columns = np.arange(height) * COARSE // height, np.arange(width) * COARSE // width
    coarse = rng.uniform(0, 255, (NUM_FRAMES, COARSE, COARSE, 3))
    fine = rng.normal(0, 12, (NUM_FRAMES, height, width, 3))
    return np.clip(coarse[:, rows][:, :, columns] + fine, 0, 255).astype(np.uint8)


def golden_logits(onnx_path: Path, spec: ModelSpec, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """ONNX Runtime's logits (T, num_classes) of `frames`, streamed from zero shift buffers."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])
    buffers = [np.zeros(shape, np.float32) for shape in spec.state.shapes]
    answers = []
    for frame in frames:
        feeds = {f"shift_buffer_{index}": buffer for index, buffer in enumerate(buffers)}
        outputs = session.run(None, {"frame": _normalise(frame, spec), **feeds})
        logits, *buffers = (np.asarray(output) for output in outputs)
        answers.append(logits[0])
    return np.stack(answers).astype(np.float32)


def _normalise(frame: npt.NDArray[np.uint8], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """(H, W, 3) uint8 to (1, 3, H, W) float32, in the words of PreprocessSpec."""
    mean, std = (np.array(values, np.float32) for values in (spec.preprocess.mean, spec.preprocess.std))
    normalised = (frame.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])
