"""A run's curves for TensorBoard."""

from pathlib import Path
from types import TracebackType
from typing import Any

from tsm_edge.errors import MissingDependencyError, OutputError
from tsm_edge.export.training.report import EpochRecord, Listener

__all__ = ["TensorBoard"]


class TensorBoard(Listener):
    """Writes curves, and passes on everything to another listener.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
        OutputError: The folder cannot be written.
    """

    def __init__(self, directory: Path, listener: Any) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingDependencyError(
                f"--log-dir needs TensorBoard ({error}); run `pip install 'tsm-edge[train]'`"
            ) from error
        try:
            self._writer: Any = SummaryWriter(str(directory))
        except OSError as error:
            raise OutputError(f"cannot write {directory}: {error.strerror}; choose another folder") from error
        self._listener = listener

    def announce(self, text: str) -> None:
        """Pass it on."""
        self._listener.announce(text)

    def begin(self, stage: str, total: int) -> None:
        """Pass it on."""
        self._listener.begin(stage, total)

    def advance(self, steps: int, note: str = "") -> None:
        """Pass it on."""
        self._listener.advance(steps, note)

    def epoch(self, record: EpochRecord) -> None:
        """Write one point of each curve."""
        curves = {
            "loss": record.loss,
            "accuracy/train": record.train_accuracy,
            "accuracy/validation": record.validation_accuracy,
            "lr": record.lr,
            "clips_per_s": record.clips_per_s,
        }
        for name, value in curves.items():
            if value is not None:
                self._writer.add_scalar(name, value, record.epoch)
        self._writer.flush()
        self._listener.epoch(record)

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()
