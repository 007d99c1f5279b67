"""Checkpoints that are called by a name instead of a path."""

from pathlib import Path

from tsm_edge.export.models.registry import DEFAULT_WEIGHTS
from tsm_edge.labels import Dataset
from tsm_edge.published import PUBLISHED, fetched_path

__all__ = ["DEFAULT", "find_checkpoint"]

DEFAULT = "default"


def find_checkpoint(name: str | Path) -> tuple[Path, Dataset | None]:
    """The file that is meant: one of that path, else the model that is shipped, or a published one that was fetched.

    Args:
        name: A path, "default", or a key of `PUBLISHED`.

    Returns:
        The file, which need not exist, and the dataset that names its classes: None where it tells them itself.

    Raises:
        CheckpointError: A published one that was not fetched, or whose file is not what was fetched.
    """
    if not Path(name).exists():
        if str(name) == DEFAULT:
            return DEFAULT_WEIGHTS, None
        if str(name) in PUBLISHED:
            entry = PUBLISHED[str(name)]
            return fetched_path(entry), entry.dataset
    return Path(name), None
