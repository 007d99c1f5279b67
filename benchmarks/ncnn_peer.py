"""The bundle's ONNX file in ncnn on the CPU: converted by pnnx, held to float32 and to a number of threads."""

import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from peer_backend import PeerBackend

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import MissingDependencyError, TsmEdgeError
from tsm_edge.runtime.backends.base import Float32Array

__all__ = ["LESS_THAN_FLOAT32", "converted_model", "open_backend"]

MISSING = "peer 'ncnn' needs ncnn and pnnx: pip install ncnn pnnx"
# What ncnn would do by itself to be faster and less exact.
LESS_THAN_FLOAT32 = (
    "use_fp16_packed",
    "use_fp16_storage",
    "use_fp16_arithmetic",
    "use_bf16_packed",
    "use_bf16_storage",
)


def open_backend(bundle: Bundle, threads: int) -> PeerBackend:
    """Convert the bundle's ONNX file and load it into ncnn.

    Raises:
        MissingDependencyError: ncnn or pnnx, its converter, is not installed.
        TsmEdgeError: The network could not be converted.
    """
    try:
        import ncnn
    except ImportError as error:
        raise MissingDependencyError(MISSING) from error
    net = ncnn.Net()
    net.opt.num_threads = threads
    for option in LESS_THAN_FLOAT32:
        setattr(net.opt, option, False)
    with TemporaryDirectory() as folder:
        _load(net, converted_model(bundle.file(ONNX_MODEL), Path(folder)))
    return PeerBackend("ncnn", partial(_infer, ncnn.Mat, net), bundle.manifest.model, threads)


def converted_model(model: Path, folder: Path) -> Path:
    """Convert an ONNX file; gives what the names of ncnn's two files in `folder` begin with.

    Raises:
        MissingDependencyError: The converter is not installed.
        TsmEdgeError: The network could not be converted.
    """
    try:
        import pnnx
    except ImportError as error:
        raise MissingDependencyError(MISSING) from error
    # pnnx writes beside its input; fp16=0 keeps the weights as they are.
    link = folder / "model.onnx"
    link.symlink_to(model.resolve())
    done = subprocess.run([pnnx.EXEC_PATH, link, "fp16=0"], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0 or not (folder / "model.ncnn.param").exists():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise TsmEdgeError(f"pnnx cannot convert {model}: {said[-1] if said else 'it said nothing'}")
    return folder / "model.ncnn"


def _load(net: Any, files: Path) -> None:
    failed = net.load_param(f"{files}.param") or net.load_model(f"{files}.bin")
    if failed:
        raise TsmEdgeError(f"ncnn cannot load what pnnx converted: error {failed}")


def _infer(mat: Any, net: Any, arrays: Sequence[Float32Array]) -> list[Float32Array]:
    """Inputs are called in0, in1, ... and outputs out0, out1, ... by pnnx, in the order of the ONNX file."""
    with net.create_extractor() as extractor:
        for index, array in enumerate(arrays):
            extractor.input(f"in{index}", mat(array, batch_index=0))
        return [_extracted(extractor, f"out{index}") for index in range(len(arrays))]


def _extracted(extractor: Any, name: str) -> Float32Array:
    failed, output = extractor.extract(name)
    if failed:
        raise TsmEdgeError(f"ncnn cannot compute {name}: error {failed}")
    return np.array(output.numpy(batch_index=0))
