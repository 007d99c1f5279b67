"""One process at a time in a folder of the user's cache."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tsm_edge.errors import OutputError

__all__ = ["directory_locked"]


@contextmanager
def directory_locked(directory: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the folder's lock, which the system releases when a process dies; the folder is made if need be.

    Args:
        directory: A folder of the cache.
        on_wait: Called once if another process holds the lock.

    Raises:
        OutputError: The folder cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "lock").open("w")
    except OSError as error:
        raise OutputError(
            f"cannot write the cache {directory}: {error.strerror}; set XDG_CACHE_HOME"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
