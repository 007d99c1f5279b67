"""What a run tells while it goes on, and at its end."""

from dataclasses import dataclass, field
from pathlib import Path

from tsm_edge.specs import Modality

__all__ = ["EpochRecord", "Listener", "TrainingReport"]


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One pass over the clips.

    Attributes:
        epoch: Counted from 1.
        loss: Mean over the clips, label smoothing included.
        train_accuracy: Of the augmented clips as they were learned from, 0 to 1.
        validation_accuracy: Of the averaged weights on the validation clips; None without any.
        lr: The backbone's learning rate after the epoch.
        clips_per_s: Clips a second while learning, all processes together.
    """

    epoch: int
    loss: float
    train_accuracy: float
    validation_accuracy: float | None
    lr: float
    clips_per_s: float


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """A finished run.

    Attributes:
        output: The trained model.
        model: Its name.
        modality: What it sees.
        start: What its weights began as.
        layout: How the data lay on disk.
        labels: Names of the classes.
        num_train: Clips that it learned from.
        num_validation: Clips that it was validated on.
        problems: Clips that were left out, and why.
        epochs: All passes, those before a resume included.
        seconds: From the first clip that was looked at to the written model, without time before a resume.
        resumed_at: Epochs that a run before had finished.
    """

    output: Path
    model: str
    start: str
    layout: str
    labels: tuple[str, ...]
    num_train: int
    num_validation: int
    modality: Modality = "rgb"
    problems: tuple[str, ...] = ()
    epochs: tuple[EpochRecord, ...] = field(default=(), repr=False)
    seconds: float = 0.0
    resumed_at: int = 0

    @property
    def validation_accuracy(self) -> float | None:
        """Of the written weights; None without validation clips."""
        return self.epochs[-1].validation_accuracy if self.epochs else None


class Listener:
    """Hears what a run does; this one says nothing."""

    def announce(self, text: str) -> None:
        """A line that stays."""

    def begin(self, stage: str, total: int) -> None:
        """A stage of `total` steps begins; the one before is over."""

    def advance(self, steps: int, note: str = "") -> None:
        """Steps of the stage were done."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch is over and kept."""
