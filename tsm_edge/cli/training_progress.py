"""How `tsm-edge train` shows that it goes on: a bar on a terminal, a line an epoch anywhere."""

from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tsm_edge.export.training import EpochRecord

__all__ = ["Progress"]


class Progress:
    """A `Listener` of a training run that writes to stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        columns: tuple[Any, ...] = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=None, note="")

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def announce(self, text: str) -> None:
        """A line that stays."""
        if self._bar.disable:
            click.echo(text, err=True)
        else:
            self._bar.console.print(text, highlight=False)

    def begin(self, stage: str, total: int) -> None:
        """A stage of `total` steps begins."""
        self._bar.reset(self._task, description=stage, total=total, note="")

    def advance(self, steps: int, note: str = "") -> None:
        """Steps of the stage were done."""
        self._bar.update(self._task, advance=steps, note=note)

    def epoch(self, record: "EpochRecord") -> None:
        """An epoch is over."""
        found = record.validation_accuracy
        aside = "" if found is None else f", put aside {found:.1%} right"
        self.announce(
            f"epoch {record.epoch:<4} loss {record.loss:.3f}, {record.train_accuracy:.1%} right{aside}, "
            f"{record.clips_per_s:.1f} clips/s"
        )
