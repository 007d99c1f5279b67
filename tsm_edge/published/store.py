"""The user's copies of published checkpoints: what is in the cache is whole and was checked.

| file | what it is |
|---|---|
| checkpoints/<file name> | a checkpoint |
| checkpoints/<file name>.sha256 | what it was taken for, where its publishers name no hash |
| checkpoints/partial/ | downloads on their way, which nothing else reads |
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tsm_edge.cache import cache_directory
from tsm_edge.errors import CheckpointError
from tsm_edge.files import file_written_aside
from tsm_edge.published.table import PublishedCheckpoint

__all__ = ["Identity", "checkpoint_directory", "fetched_path", "identify", "is_fetched", "keep"]

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Identity:
    """What a content is known by; an empty string is unknown."""

    git_blob: str = ""
    sha256: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self.git_blob or self.sha256)

    def differs_from(self, found: "Identity") -> bool:
        """Whether any hash that both sides know is another one."""
        pairs = ((self.git_blob, found.git_blob), (self.sha256, found.sha256))
        return any(mine and other and mine != other for mine, other in pairs)


def checkpoint_directory() -> Path:
    """Where fetched checkpoints are kept: ~/.cache/tsm-edge/checkpoints on Linux."""
    return cache_directory() / "checkpoints"


def identify(path: Path) -> Identity:
    """Both hashes of a file's content."""
    # SHA-1 only because git names contents by it.
    blob, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    blob.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            blob.update(chunk)
            sha256.update(chunk)
    return Identity(git_blob=blob.hexdigest(), sha256=sha256.hexdigest())


def keep(part: Path, found: Identity, entry: PublishedCheckpoint, directory: Path) -> Path:
    """Put a download that was checked into the cache, in one step.

    Raises:
        OutputError: The cache cannot be written.
    """
    path = directory / entry.file_name
    if not entry.is_known:
        with file_written_aside(_record(path)) as aside:
            aside.write_text(f"{found.sha256}\n")
    with file_written_aside(path) as aside:
        part.replace(aside)
    return path


def is_fetched(entry: PublishedCheckpoint, directory: Path | None = None) -> bool:
    """Whether the cache has a copy; its content is `fetched_path`'s work."""
    return ((directory or checkpoint_directory()) / entry.file_name).is_file()


def fetched_path(entry: PublishedCheckpoint, directory: Path | None = None) -> Path:
    """The cache's copy, its hash compared once more.

    Raises:
        CheckpointError: It was not fetched, or was altered since.
    """
    path = (directory or checkpoint_directory()) / entry.file_name
    again = f"run `tsm-edge fetch {entry.name}`"
    if not path.is_file():
        raise CheckpointError(f"{entry.name} is not here yet; {again}")
    known = Identity(entry.git_blob, entry.sha256) if entry.is_known else Identity(sha256=_recorded(path))
    if not known.is_known or known.differs_from(identify(path)):
        raise CheckpointError(f"{path} is not what was fetched; remove it and {again}")
    return path


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _recorded(path: Path) -> str:
    record = _record(path)
    return record.read_text().strip() if record.is_file() else ""
