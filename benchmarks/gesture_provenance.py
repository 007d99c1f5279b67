"""Whose weights and which clips a gesture record is of, when and where it was measured, and where it goes."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from gesture_record import MadeData, Network
from result_files import RESULTS, called

from tsm_edge.environment import package_versions
from tsm_edge.errors import UsageError
from tsm_edge.export.checkpoint_names import find_checkpoint
from tsm_edge.export.data.gestures.pictures import load_pictures
from tsm_edge.runtime.bench.provenance import checkout_commit
from tsm_edge.runtime.device import recognise_device
from tsm_edge.specs import ModelSpec

__all__ = ["made_data", "network", "provenance", "record_path", "weights_file"]


def weights_file(model: str) -> Path:
    """The checkpoint of that name; "default" is the one that is shipped.

    Raises:
        UsageError: No such file.
    """
    path, _ = find_checkpoint(model)
    if not path.is_file():
        raise UsageError(f"weights {model}: no such file; name a checkpoint, such as gestures.safetensors")
    return path


def network(path: Path, spec: ModelSpec) -> Network:
    """The record of a network that `path` holds."""
    return Network(
        name=spec.name,
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        image_size=spec.preprocess.crop_size,
        trained_shift=spec.trained_shift,
        labels=spec.labels,
    )


def made_data(world: str, seed: int) -> MadeData:
    """The record of what is made in `world` with the pictures of the packages that are installed."""
    pictures = load_pictures()
    return MadeData(
        world=world, seed=seed, photos=len(pictures.photos), videos=len(pictures.video_starts) - 1
    )


def provenance(script: str) -> dict[str, Any]:
    """What every record begins with."""
    return {
        "started_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": checkout_commit(),
        "command": called(script),
        "versions": package_versions(),
        "device": recognise_device(),
    }


def record_path(question: str, of: Network, world: str, length: str = "") -> Path:
    """Where a record goes unless told otherwise: named by its question, network, clips' length and world."""
    return RESULTS / f"gestures-{question}-{of.name}-{of.image_size}px{length}-{world}.json"
