"""The bundle's network in LiteRT on the CPU, where XNNPACK takes it whole, held to a number of threads.

litert-torch converts it. Its requirements cannot all be met beside this project's (xdsl 0.28.0, which converting needs
not, wants an old typing-extensions), so `make bench-peers` installs what it imports, one package at a time.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from peer_backend import PeerBackend

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import MissingDependencyError, TsmEdgeError
from tsm_edge.runtime.backends.base import Float32Array

__all__ = ["open_backend"]

CONVERTER = Path(__file__).parent / "litert_convert.py"
# What the interpreter calls the layers that a delegate such as XNNPACK took.
DELEGATED = "DELEGATE"


def open_backend(bundle: Bundle, threads: int) -> PeerBackend:
    """Convert the bundle's network and load it into LiteRT.

    Raises:
        MissingDependencyError: LiteRT or its converter is not installed.
        TsmEdgeError: The network could not be converted, or XNNPACK does not take all of it.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingDependencyError("peer 'litert' needs LiteRT: pip install ai-edge-litert") from error
    with TemporaryDirectory() as folder:
        model = _converted(bundle.file(ONNX_MODEL), Path(folder))
        interpreter = Interpreter(model_content=model.read_bytes(), num_threads=threads)
    interpreter.allocate_tensors()
    _check_delegated(interpreter)
    return PeerBackend("litert", _Infer(interpreter), bundle.manifest.model, threads)


def _converted(model: Path, folder: Path) -> Path:
    if find_spec("litert_torch") is None:
        raise MissingDependencyError("peer 'litert' needs its converter, litert-torch: make bench-peers")
    output = folder / "model.tflite"
    command = [sys.executable, CONVERTER, model, output]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise TsmEdgeError(f"litert-torch cannot convert {model}: {said[-1] if said else 'it said nothing'}")
    return output


def _check_delegated(interpreter: Any) -> None:
    """See that one delegate computes every output: LiteRT's own kernels are no match for it."""
    delegates = [layer for layer in interpreter._get_ops_details() if layer["op_name"] == DELEGATED]
    taken = {index for delegate in delegates for index in delegate["outputs"]}
    wanted = {output["index"] for output in interpreter.get_output_details()}
    if len(delegates) != 1 or not wanted <= taken:
        raise TsmEdgeError("XNNPACK takes a part of the network only; LiteRT's time would say little of it")


class _Infer:
    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._inputs = _indices(interpreter.get_input_details())
        self._outputs = _indices(interpreter.get_output_details())

    def __call__(self, arrays: Sequence[Float32Array]) -> list[Float32Array]:
        for index, array in zip(self._inputs, arrays, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return [np.asarray(self._interpreter.get_tensor(index)) for index in self._outputs]


def _indices(details: Sequence[dict[str, Any]]) -> list[int]:
    """In the order of the function's arguments and results, whose numbers are in the names."""
    numbered = {
        int(re.findall(r"(?:args|output)_(\d+)", each["name"])[-1]): each["index"] for each in details
    }
    return [numbered[number] for number in sorted(numbered)]
