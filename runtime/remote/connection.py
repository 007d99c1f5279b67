"""Another machine as push and bench need it: a shell that takes scripts, and a way for files."""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from tsm_edge.errors import RemoteError

__all__ = ["Answer", "Connection", "Way", "last_line", "run_local"]

Way = Literal["ssh", "adb"]


@dataclass(frozen=True)
class Answer:
    """What a script on the other machine said, and its exit code."""

    code: int
    stdout: str
    stderr: str


class Connection(ABC):
    """A machine that answers; a context manager that lets go of it.

    Attributes:
        way: How it is reached.
        name: What messages call it.
        folder: Where bundles lie there, absolute or below the home folder.
    """

    way: Way
    name: str
    folder: str

    @abstractmethod
    def run(self, script: str) -> Answer:
        """Run a POSIX shell script there, with its programs' messages in English; its standard input is the script.

        Raises:
            RemoteError: The connection was lost.
        """

    @abstractmethod
    def send(self, file: Path, remote: str) -> None:
        """Copy a file to the absolute path `remote`, whose folder is there.

        Raises:
            RemoteError: The connection was lost, the disk is full, or the folder is closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the machine. Closing twice is no error."""

    def ask(self, script: str) -> str:
        """What a script says that must not fail.

        Raises:
            RemoteError: It failed, or the connection was lost.
        """
        answer = self.run(script)
        if answer.code != 0:
            reason = last_line(answer.stderr) or f"exit code {answer.code}"
            raise RemoteError(f"{self.name}: {reason}")
        return answer.stdout

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def run_local(command: Sequence[str | Path], stdin: bytes | Path = b"") -> Answer:
    """Run a program of this machine with some bytes or a file as its standard input."""
    if isinstance(stdin, bytes):
        done = subprocess.run(command, input=stdin, capture_output=True)
    else:
        with stdin.open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True)
    return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def last_line(text: str) -> str:
    """The last line that says something, which in most programs is the reason."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
