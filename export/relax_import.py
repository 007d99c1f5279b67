"""ONNX to Relax: TVM reads the model and infers all shapes."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

from tsm_edge.errors import CompileError

__all__ = ["import_relax"]


def import_relax(onnx_path: Path) -> Any:
    """The model's Relax module, weights as constants, one function `main` of frame and shift buffers.

    Raises:
        CompileError: The file is no ONNX model, or TVM cannot read it.
    """
    try:
        model: Any = onnx.load(str(onnx_path))  # TVM's own annotation asks for the graph inside
        with redirect_stdout(StringIO()):  # it prints whole modules beside what it raises
            module = from_onnx(model, keep_params_in_input=False)
    except (OSError, DecodeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CompileError(f"TVM cannot import {onnx_path}: {reason[-1]}") from error
    return relax.transform.DeadCodeElimination()(module)
