"""A bundle on disk: the folder that crosses from the host to the device.

| file | what it is |
|---|---|
| manifest.json | model, preprocessing, state, target, versions, hashes |
| libtsm_model.so | kernels and driver, the C interface of tsm_edge.h; libtsm_model.a for iOS |
| weights.bin | packed weights, memory-mapped |
| kernels.ptx, gpu_weights.bin | targets with a GPU: its kernels, which its driver compiles, and their weights |
| model.onnx | the same network, portable: the reference |
| golden_frames.npy | (T, H, W, 3) uint8 RGB frames of network size |
| golden_logits.npy | (T, num_classes) float32: ONNX Runtime's answers to them |
| example.c | how a C program uses them |
| tsm_edge.h, tsm-run | the C interface and, but for iOS, a static replay tool |
| tsm_edge_lite.py | but for iOS: runs the bundle with Python 3.6 or newer and numpy alone |
| android/ | Android: a module for Android Studio, which has library and weights by hard links |
| module.modulemap | iOS: lets Swift import the C interface |
"""

import hashlib
import os
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tsm_edge.errors import BundleError
from tsm_edge.manifest import FileRecord, Manifest, read_manifest

__all__ = ["Bundle", "record_files"]

LIBRARY = "libtsm_model.so"
WEIGHTS = "weights.bin"
GPU_KERNELS = "kernels.ptx"
GPU_WEIGHTS = "gpu_weights.bin"
ONNX_MODEL = "model.onnx"
GOLDEN_FRAMES = "golden_frames.npy"
GOLDEN_LOGITS = "golden_logits.npy"
RUN_TOOL = "tsm-run"
C_HEADER = "tsm_edge.h"
C_EXAMPLE = "example.c"
LITE = "tsm_edge_lite.py"

Scalar = TypeVar("Scalar", bound=np.generic)

# A damaged header reaches Python's own tokenizer inside numpy, whose errors come through.
_BROKEN_ARRAY = (ValueError, OSError, EOFError, SyntaxError, tokenize.TokenError)


@dataclass(frozen=True)
class Bundle:
    """A folder with a manifest.

    Attributes:
        path: The folder.
        manifest: What it says of itself.
    """

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: str | Path) -> "Bundle":
        """Read the manifest and see that every file is there in full size; contents are `check_files`' work.

        Raises:
            BundleError: No bundle there, a broken manifest, or a file missing or of another size.
        """
        path = Path(path)
        bundle = cls(path, read_manifest(path))
        for name, record in bundle.manifest.files.items():
            bundle._check_size(name, record)
        return bundle

    def file(self, name: str) -> Path:
        """Path of one of the bundle's files.

        Raises:
            BundleError: The manifest does not list it.
        """
        if name not in self.manifest.files:
            raise BundleError(f"{self.path} has no {name}; compile the bundle again")
        return self.path / name

    def check_files(self) -> int:
        """Compare every file with its SHA-256 and return how many there are.

        Raises:
            BundleError: A file was altered.
        """
        for name, record in self.manifest.files.items():
            self._check_size(name, record)
            if _sha256(self.path / name) != record.sha256:
                raise BundleError(f"{self.path / name} was altered since; copy or compile the bundle again")
        return len(self.manifest.files)

    @cached_property
    def golden_frames(self) -> npt.NDArray[np.uint8]:
        """The golden stream's frames, (T, H, W, 3) uint8 RGB, already cropped."""
        return self._array(GOLDEN_FRAMES, np.uint8, ndim=4)

    @cached_property
    def golden_logits(self) -> npt.NDArray[np.float32]:
        """ONNX Runtime's logits of the golden stream, (T, num_classes) float32."""
        return self._array(GOLDEN_LOGITS, np.float32, ndim=2)

    def _array(self, name: str, dtype: type[Scalar], ndim: int) -> npt.NDArray[Scalar]:
        path = self.file(name)
        try:
            # Mapped, so that a header that promises more than the file holds is refused before memory is.
            array: npt.NDArray[Scalar] = np.load(path, mmap_mode="r", allow_pickle=False)
        except _BROKEN_ARRAY as error:
            raise BundleError(f"{path} is broken: {error}; compile the bundle again") from error
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != ndim:
            raise BundleError(f"{path} is not {ndim}-dimensional {np.dtype(dtype)}; compile the bundle again")
        return array

    def _check_size(self, name: str, record: FileRecord) -> None:
        file = self.path / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(f"{self.path}: the manifest names {name!r}, which lies outside the bundle")
        if not os.path.isfile(file):  # noqa: PTH113  Path.is_file raises on names that no file system takes
            raise BundleError(f"{self.path} is incomplete: {name} is missing; copy or compile it again")
        size = file.stat().st_size
        if size != record.size_bytes:
            raise BundleError(
                f"{file} has {size} bytes instead of {record.size_bytes}; copy or compile the bundle again"
            )


def record_files(directory: Path) -> dict[str, FileRecord]:
    """Size and SHA-256 of every file below `directory`, by relative path in sorted order."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {file.relative_to(directory).as_posix(): _record(file) for file in files}


def _record(file: Path) -> FileRecord:
    return FileRecord(size_bytes=file.stat().st_size, sha256=_sha256(file))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
