"""How a script's record becomes a file and is read again: JSON, without loss."""

from pathlib import Path
from typing import TypeVar

import msgspec

from tsm_edge.errors import OutputError
from tsm_edge.files import file_written_aside

__all__ = ["read_record", "write_record"]

Record = TypeVar("Record")


def write_record(record: object, path: Path) -> None:
    """Write a dataclass as JSON.

    Raises:
        OutputError: The file cannot be written; an older one stays as it was.
    """
    with file_written_aside(path) as aside:
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def read_record(path: Path, *, kind: type[Record], content: str, script: str) -> Record:
    """Read what `write_record` wrote.

    Args:
        path: The file.
        kind: The record's class.
        content: What it is, for the message.
        script: What writes such files.

    Raises:
        OutputError: No such file, or not such a record.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise OutputError(f"{path} is no {content}: {error}; write one with benchmarks/{script}") from error
