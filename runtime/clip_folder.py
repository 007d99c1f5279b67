"""Where recorded clips go: DIRECTORY/LABEL/0001.mp4 and on; a clip is there whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsm_edge.errors import OutputError, UsageError

__all__ = ["ClipFolder"]

SUFFIX = ".mp4"
# Also good for file systems that a folder of clips may be copied to.
FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


class ClipFolder:
    """One class's folder.

    Args:
        directory: The data set's folder.
        label: The class; its name is the folder's.

    Raises:
        UsageError: A label that cannot be a folder's name.
    """

    def __init__(self, directory: Path, label: str) -> None:
        if not label.strip() or label != label.strip() or label.startswith(".") or FORBIDDEN.search(label):
            raise UsageError(
                f'label {label!r} cannot name a folder; give words without / \\ : * ? " < > | or a dot in front'
            )
        self.label = label
        self.path = directory / label

    def next_path(self) -> Path:
        """The path after the highest number there, so that a later session goes on counting."""
        numbers = [int(path.stem) for path in self.path.glob("*.*") if path.stem.isdecimal()]
        return self.path / f"{max(numbers, default=0) + 1:04}{SUFFIX}"

    @contextmanager
    def clip(self) -> Iterator[Path]:
        """A path to write the next clip to; it gets its number if the block ends well, else it vanishes.

        Raises:
            OutputError: The folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}; choose another place") from error
        # Data sets leave out names that begin with a dot.
        aside = self.path / f".recording-{os.getpid()}{SUFFIX}"
        try:
            yield aside
            aside.rename(self.next_path())
        finally:
            aside.unlink(missing_ok=True)
