"""Tensors from a file, whatever wrote it; nothing in the file is ever executed."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from tsm_edge.errors import CheckpointError

__all__ = ["EXPECTED", "CheckpointFile", "read_checkpoint_file"]

EXPECTED = "expected the online demo's state_dict, a published TSM_*.pth or a .safetensors of this project"


@dataclass(frozen=True)
class CheckpointFile:
    """What a file holds.

    Attributes:
        path: Where it was read.
        tensors: By the names that the file gives them.
        metadata: Text beside them; only safetensors files have any.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_checkpoint_file(path: Path) -> CheckpointFile:
    """Read a safetensors file, or a file of `torch.save` in its zip or its older format.

    Raises:
        CheckpointError: The file cannot be read, is truncated or foreign, or holds more than tensors.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}; {EXPECTED}") from error
    if not head:
        raise CheckpointError(f"{path} is empty; {EXPECTED}")
    # Eight bytes of header length, then a JSON object.
    return _read_safetensors(path) if head[8:] == b"{" else CheckpointFile(path, _read_torch(path))


def _read_safetensors(path: Path) -> CheckpointFile:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            return CheckpointFile(path, tensors, file.metadata() or {})
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated or no safetensors file: {error}; {EXPECTED}") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a foreign pickle's protocol: the error says more
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its reader stumbles over first
        raise CheckpointError(f"{path} {_reason(error)}; {EXPECTED}") from error
    return _only_tensors(path, content)


def _reason(error: Exception) -> str:
    refused = re.search(r"GLOBAL (\S+)", str(error))
    if refused:
        return f"holds more than tensors: it asks to run {refused[1]}, which was refused"
    return "is truncated or no checkpoint"


def _only_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    tensors = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(tensors, dict) or not tensors:
        raise CheckpointError(f"{path} holds no named tensors; {EXPECTED}")
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{path}: {name!r} is a {type(value).__name__}, no tensor; {EXPECTED}")
        if not _is_plain(value):
            raise CheckpointError(f"{path}: {name} is sparse, quantized or without data; {EXPECTED}")
    return dict(tensors)


def _is_plain(tensor: Tensor) -> bool:
    """Whether every element is there in full: a few bytes can claim to be a tensor of any size."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
