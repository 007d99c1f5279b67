"""What clips were taken for, as a picture: a row for each class, in parts of its clips."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsm_edge.export.evaluation.clip_results import ClipEvaluation
from tsm_edge.figures import new_figure
from tsm_edge.files import file_written_aside

if TYPE_CHECKING:
    pass

__all__ = ["write_confusion_plot"]

# More classes than these are drawn without numbers, and without names.
MOST_NUMBERED, MOST_NAMED = 40, 100
# Inches: of a class with its number or its name alone, of what stands around the matrix, of all of it.
CELL, SMALL_CELL, MARGIN, LEAST, UNNAMED = 0.3, 0.12, 2.8, 4.2, 9.0
LONGEST_NAME = 34


def write_confusion_plot(evaluation: ClipEvaluation, path: Path) -> None:
    """Draw the confusion matrix into a picture of the kind that the name's ending says.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        UsageError: The name's ending is no kind of picture.
        OutputError: The file cannot be written; an older one stays as it was.
    """
    counts = np.array(evaluation.confusion)
    cell = CELL if len(counts) <= MOST_NUMBERED else SMALL_CELL
    side = max(LEAST, MARGIN + cell * len(counts)) if len(counts) <= MOST_NAMED else UNNAMED
    figure = new_figure(path, "--confusion", (side + 0.6, side))
    axes = figure.subplots()
    totals = counts.sum(1, keepdims=True)
    parts = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    image = axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    if len(counts) <= MOST_NUMBERED:
        _number(axes, counts, parts)
    _name(axes, evaluation.labels)
    axes.set(xlabel="taken for", ylabel="shown")
    note = f", {evaluation.weights_note}" if evaluation.weights_note else ""
    names = " + ".join(Path(name).name for name in evaluation.models)
    figure.suptitle(
        f"{names}{note}\n{evaluation.protocol}, {evaluation.num_clips} clips: top-1 {evaluation.top1:.1%}",
        fontsize=10,
    )
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
    bar.set_label("part of the row's clips", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    with file_written_aside(path) as aside:
        figure.savefig(aside)


def _number(axes: Any, counts: Any, parts: Any) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if parts[row, column] > 0.55 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)


def _name(axes: Any, labels: tuple[str, ...]) -> None:
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.tick_params(which="both", length=0)
    if len(labels) > MOST_NAMED:
        return
    axes.grid(which="minor", color="0.9", linewidth=0.6)
    size = 7 if len(labels) <= MOST_NUMBERED else 5
    names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..." for name in labels]
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(len(labels)), names, fontsize=size)
