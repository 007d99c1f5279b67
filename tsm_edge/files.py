"""Writing so that a kill, a full disk or Ctrl-C leaves the old result or the new one, never half of one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsm_edge.errors import OutputError

__all__ = ["directory_written_aside", "file_written_aside"]


@contextmanager
def file_written_aside(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, move it to `path` in one step.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    with _one_line_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(descriptor)
    aside = Path(name)
    try:
        with _one_line_errors(path):
            yield aside
            aside.chmod(0o666 & ~_umask())
            _sync(aside)
            aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def directory_written_aside(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`; when the block ends well, put it in the place of `path`.

    Raises:
        OutputError: The parent cannot be written, the disk is full, or `path` is a file.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"cannot write the folder {path}: a file of that name is in the way")
    with _one_line_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        with _one_line_errors(path):
            yield aside
            aside.chmod(0o777 & ~_umask())
            for file in aside.rglob("*"):
                if file.is_file():
                    _sync(file)
            _replace_directory(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _replace_directory(new: Path, path: Path) -> None:
    """Rename cannot replace a folder that holds something, so the old one steps aside first."""
    if not path.exists():
        new.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
    path.rename(old / path.name)
    try:
        new.rename(path)
    except OSError:
        (old / path.name).rename(path)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {path}: {reason}; make room or choose another place") from error
