"""What one frame costs other projects' engines under the same emulator: ONNX Runtime's and ncnn's wheels for ARM.

Python runs them. Its start-up drops out of the difference between two runs, what it does in the loop is counted with
an engine that does nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from arm_root import arm_root, emulator_options, python_of
from instruction_plugin import count_instructions
from ncnn_peer import converted_model

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import VerificationError
from tsm_edge.runtime.bench.agreement import TOLERANCE, largest_difference
from tsm_edge.runtime.preprocess import normalise

__all__ = ["PYTHON_LOOP", "counted_peers"]

# The engine that does nothing, and the name under which it is recorded.
NOTHING, PYTHON_LOOP = "nothing", "python loop"
SCRIPT = Path(__file__).parent / "arm_engine.py"


def counted_peers(bundle: Bundle, frames: int, plugin: Path) -> dict[str, dict[str, float]]:
    """Instructions a frame by class, for each engine and for the loop around them.

    Args:
        bundle: Its ONNX file is run on its golden stream.
        frames: Frames of the longer run less one; fewer than the golden stream has.
        plugin: The counting plugin.

    Raises:
        MissingDependencyError: qemu, ncnn's converter, or a tool that makes the ARM root is missing.
        VerificationError: An engine's logits are not the golden stream's.
        TsmEdgeError: An engine failed.
    """
    root = arm_root()
    with _models(bundle) as models, TemporaryDirectory() as folder:
        inputs = _saved_inputs(bundle, Path(folder))
        counts = {}
        for engine, model in models.items():
            runs = []
            for count in (1, 1 + frames):
                logits = Path(folder) / "logits.npy"
                command = [python_of(root), "-S", SCRIPT, engine, model, inputs, logits, str(count)]
                runs.append(count_instructions(command, plugin, emulator_options(root)))
                _check(engine, np.load(logits), bundle)
            counts[engine] = {name: (runs[1][name] - runs[0][name]) / frames for name in runs[0]}
    counts[PYTHON_LOOP] = counts.pop(NOTHING)
    return counts


@contextmanager
def _models(bundle: Bundle) -> Iterator[dict[str, Path]]:
    """What each engine loads."""
    onnx = bundle.file(ONNX_MODEL).resolve()
    with TemporaryDirectory() as folder:
        yield {"ncnn": converted_model(onnx, Path(folder)), "onnxruntime": onnx, NOTHING: onnx}


def _saved_inputs(bundle: Bundle, folder: Path) -> Path:
    spec = bundle.manifest.model
    frames = np.stack([normalise(frame, spec.preprocess) for frame in bundle.golden_frames])
    np.savez(folder / "inputs.npz", *_zeros(spec.state.shapes), frames=frames)
    return folder / "inputs.npz"


def _zeros(shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    return [np.zeros(shape, np.float32) for shape in shapes]


def _check(engine: str, logits: np.ndarray, bundle: Bundle) -> None:
    expected = bundle.golden_logits[: len(logits)]
    difference = largest_difference(logits[: len(expected)], expected)
    if engine != NOTHING and not difference <= TOLERANCE:
        raise VerificationError(
            f"{engine} differs from the golden stream by {difference:.1e} of the largest logit under emulation, "
            f"{TOLERANCE:.0e} is accepted; nothing was counted"
        )
