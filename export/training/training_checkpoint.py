"""What a run needs to go on after it was killed; written whole after every epoch, beside the output.

It is a file of `torch.save` that holds tensors and plain values alone, and is read as such: nothing is executed.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tsm_edge.errors import TrainingError
from tsm_edge.files import file_written_aside

__all__ = ["checkpoint_path", "read_training_checkpoint", "write_training_checkpoint"]

VERSION = 1


def checkpoint_path(output: Path) -> Path:
    """Where the run that makes `output` keeps its checkpoint: model.safetensors -> model.training.pt."""
    return output.with_name(f"{output.name.removesuffix('.safetensors')}.training.pt")


def write_training_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write `state` so that a kill leaves the old file or the new one.

    Raises:
        OutputError: The file cannot be written.
    """
    content = io.BytesIO()
    torch.save({"version": VERSION, **state}, content)
    with file_written_aside(path) as aside:
        aside.write_bytes(content.getbuffer())


def read_training_checkpoint(path: Path) -> dict[str, Any]:
    """What `write_training_checkpoint` wrote.

    Raises:
        TrainingError: No such file, a broken one, or one of another version.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its reader stumbles over first
        raise TrainingError(
            f"cannot read {path}; it is no checkpoint of a run: delete it to start anew"
        ) from error
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise TrainingError(f"{path} is of another version of tsm-edge; delete it to start anew")
    return state
