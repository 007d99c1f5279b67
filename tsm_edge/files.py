"""Writing so that a kill, a full disk or Ctrl-C leaves the old result or the new one, never half of one."""

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsm_edge.errors import OutputError
from tsm_edge.manifest import MANIFEST_NAME

__all__ = ["directory_written_aside", "file_written_aside"]


@contextmanager
def file_written_aside(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, move it to `path` in one step.

    A device or pipe, such as /dev/stdout, is given as it is: moving a file over it would destroy it.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    with _one_line_errors(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            yield path
            return
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
def directory_written_aside(path: Path, *, marker: str = MANIFEST_NAME) -> Iterator[Path]:
    """Give an empty folder beside `path`; when the block ends well, put it in the place of `path`.

    Args:
        path: Where the folder belongs. A folder there is replaced if it is empty or holds `marker`.
        marker: The file by which a folder written before is known.

    Raises:
        OutputError: The parent cannot be written, the disk is full, or something else is in the way.
    """
    path = path.absolute()
    _refuse_to_destroy(path, marker)
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
            _put_in_place(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _refuse_to_destroy(path: Path, marker: str) -> None:
    with _one_line_errors(path):
        if path.exists() and not path.is_dir():
            raise OutputError(f"cannot write the folder {path}: a file of that name is in the way")
        if path.is_dir() and any(path.iterdir()) and not (path / marker).is_file():
            raise OutputError(f"will not replace {path}: it holds files and no {marker}; name another folder")


def _put_in_place(new: Path, path: Path) -> None:
    """Rename cannot replace a folder that holds something: swap the two, or move the old one aside first."""
    if not path.exists():
        new.rename(path)
    elif not _swapped(new, path):
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
        path.rename(old / path.name)
        new.rename(path)
        shutil.rmtree(old, ignore_errors=True)


def _swapped(one: Path, other: Path) -> bool:
    """Swap two folders in one step and say whether the system could (Linux with glibc 2.28 or newer can)."""
    at_working_directory, exchange = -100, 2  # AT_FDCWD of fcntl.h, RENAME_EXCHANGE of stdio.h
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    status: int = renameat2(at_working_directory, names[0], at_working_directory, names[1], exchange)
    return status == 0


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
