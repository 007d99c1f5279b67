"""The bundle's ONNX file in ONNX Runtime: the portable reference, and the engine where no library is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import BundleError, MissingDependencyError
from tsm_edge.runtime.backends.array_stream import ArrayStream
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import ONNX_METADATA_KEY, ModelSpec, StateSpec

__all__ = ["OnnxRuntimeBackend", "open_backend", "open_file"]

# ONNX Runtime's own scale: 3 is "error"; warnings about its graph passes are no news to our users.
LOG_ERRORS_ONLY = 3


class OnnxRuntimeBackend:
    """A network in ONNX Runtime; its streams share the weights and may step from several threads."""

    name = "onnxruntime"

    def __init__(self, session: Any, spec: ModelSpec, threads: int) -> None:
        self.spec = spec
        self.threads = threads
        self._session: Any = session
        self._names = ["frame", *_buffer_names(spec.state)]

    def open_stream(self) -> ArrayStream:
        """A new stream with zero shift buffers."""
        return ArrayStream(self._infer, self.spec.state)

    def close(self) -> None:
        """Free the weights."""
        self._session = None

    def _infer(self, arrays: Sequence[Float32Array]) -> Sequence[Float32Array]:
        outputs: list[Float32Array] = self._session.run(None, dict(zip(self._names, arrays, strict=True)))
        return outputs


def open_backend(bundle: Bundle, threads: int) -> OnnxRuntimeBackend:
    """Load the bundle's ONNX file.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        BundleError: No ONNX file there, a broken one, or one whose inputs and outputs are not the manifest's.
    """
    path = bundle.file(ONNX_MODEL)
    session = _load(path, threads)
    _check_interface(session, bundle.manifest.model, path)
    return OnnxRuntimeBackend(session, bundle.manifest.model, threads)


def open_file(path: Path, threads: int) -> OnnxRuntimeBackend:
    """Load an ONNX file that no bundle is around; it tells itself which network it holds.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        BundleError: No such file, a broken one, or one that `tsm-edge export` did not write.
    """
    if not path.is_file():
        raise BundleError(f"no ONNX file at {path}; write one with `tsm-edge export`")
    session = _load(path, threads)
    text = session.get_modelmeta().custom_metadata_map.get(ONNX_METADATA_KEY, "")
    try:
        spec = msgspec.json.decode(text, type=ModelSpec)
    except msgspec.MsgspecError as error:
        raise BundleError(
            f"{path} does not say which network it holds; write it with `tsm-edge export`"
        ) from error
    _check_interface(session, spec, path)
    return OnnxRuntimeBackend(session, spec, threads)


def _load(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            "backend 'onnxruntime' needs ONNX Runtime: pip install onnxruntime"
        ) from error
    try:
        return onnxruntime.InferenceSession(
            path, sess_options=_options(onnxruntime, threads), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's own errors share no base class but this one
        raise BundleError(f"ONNX Runtime cannot load {path}: {error}; compile the bundle again") from error


def _options(onnxruntime: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = LOG_ERRORS_ONLY
    return options


def _check_interface(session: Any, spec: ModelSpec, path: Path) -> None:
    names = _buffer_names(spec.state)
    expected = {
        "inputs": ["frame", *names],
        "outputs": ["logits", *(f"next_{name}" for name in names)],
        "input shapes": [list(spec.input_shape), *(list(shape) for shape in spec.state.shapes)],
    }
    found = {
        "inputs": [value.name for value in session.get_inputs()],
        "outputs": [value.name for value in session.get_outputs()],
        "input shapes": [value.shape for value in session.get_inputs()],
    }
    for what, value in expected.items():
        if found[what] != value:
            raise BundleError(
                f"{path} has the {what} {found[what]}, the manifest says {value}; compile the bundle again"
            )


def _buffer_names(state: StateSpec) -> list[str]:
    return [f"shift_buffer_{i}" for i in range(len(state.shapes))]
