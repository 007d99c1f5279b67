"""Predictions as JSON lines: whole lines only, also after Ctrl-C, a kill or a full disk."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from tsm_edge.errors import OutputError
from tsm_edge.runtime.prediction import Prediction

__all__ = ["JsonLinesWriter", "prediction_record"]

STANDARD_OUTPUT = "-"


def prediction_record(prediction: Prediction, *, logits: bool = False) -> dict[str, Any]:
    """The fields of one line; `event` is the frame's last one, or None."""
    record: dict[str, Any] = {
        "frame": prediction.frame,
        "timestamp_s": prediction.timestamp_s,
        "label": prediction.label,
        "score": prediction.score,
        "smoothed_label": prediction.smoothed_label,
        "top": prediction.top,
        "latency_ms": {stage: round(value, 4) for stage, value in prediction.latency_ms.items()},
        "event": prediction.event,
    }
    if logits:
        record["logits"] = prediction.logits.tolist()
    return record


class JsonLinesWriter:
    """Appends one line per prediction to a new file, or to standard output for "-".

    Args:
        path: The file; one that exists is replaced.
        logits: Write every frame's raw logits as well.

    Raises:
        OutputError: The file cannot be made.
    """

    def __init__(self, path: str | Path, *, logits: bool = False) -> None:
        self.path = path
        self._logits = logits
        self._is_standard = str(path) == STANDARD_OUTPUT
        try:
            self._file = sys.stdout.fileno() if self._is_standard else _create(Path(path))
        except OSError as error:
            raise self._output_error(error) from error

    def write(self, prediction: Prediction) -> None:
        """Append one line; it is in the file when this returns.

        Raises:
            OutputError: The disk is full; lines before this one are whole.
            BrokenPipeError: Nobody reads standard output any more.
        """
        line = msgspec.json.encode(prediction_record(prediction, logits=self._logits)) + b"\n"
        try:
            self._write_whole(line)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._output_error(error) from error

    def close(self) -> None:
        """Close the file."""
        if not self._is_standard and self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> "JsonLinesWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _write_whole(self, line: bytes) -> None:
        written = 0
        try:
            while written < len(line):
                written += os.write(self._file, line[written:])
        except BaseException:
            if written and not self._is_standard:
                os.ftruncate(self._file, os.lseek(self._file, -written, os.SEEK_CUR))
            raise

    def _output_error(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {self.path}: {error.strerror}; free some space or choose another --json"
        )


def _create(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
