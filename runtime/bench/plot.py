"""A benchmark as a picture: each engine's latency over the frames, and how often each latency came."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tsm_edge.figures import new_figure
from tsm_edge.files import file_written_aside
from tsm_edge.runtime.bench.record import BenchRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["write_plot"]

# Okabe and Ito's colours, which everybody can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BINS = 80

# Beyond this ratio of medians a linear axis would press the faster engines into one line.
LINEAR_RATIO = 4


def write_plot(record: BenchRecord, path: Path) -> None:
    """Draw `record` into a picture of the kind that the name's ending says.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        UsageError: The name's ending is no kind of picture.
        OutputError: The file cannot be written; an older one stays as it was.
    """
    figure = new_figure(path, "--plot")
    over_frames, distribution = figure.subplots(1, 2, width_ratios=(2, 1), sharey=True)
    lowest, highest = _set_scale(record, over_frames)
    edges = _edges(over_frames.get_yscale(), lowest, highest)
    for backend, colour in zip(record.backends, COLOURS * len(record.backends), strict=False):
        samples = np.array(backend.latency.samples_ms)
        label = f"{backend.name}, median {backend.latency.summary.p50_ms:.2f} ms"
        _draw_frames(over_frames, samples, highest, colour, label)
        distribution.hist(samples, bins=edges, orientation="horizontal", color=colour, alpha=0.8)
    _label(record, figure, over_frames, distribution)
    with file_written_aside(path) as aside:
        figure.savefig(aside)


def _set_scale(record: BenchRecord, axes: "Axes") -> tuple[float, float]:
    """Leave out the slowest hundredth, which would press the rest flat; log where engines lie far apart."""
    summaries = [backend.latency.summary for backend in record.backends]
    medians = [summary.p50_ms for summary in summaries]
    is_linear = max(medians) <= LINEAR_RATIO * min(medians)
    lowest = 0.0 if is_linear else 0.8 * min(summary.min_ms for summary in summaries)
    highest = 1.1 * max(summary.p99_ms for summary in summaries)
    axes.set_yscale("linear" if is_linear else "log")
    axes.set_ylim(lowest, highest)
    return lowest, highest


def _edges(scale: str, lowest: float, highest: float) -> npt.NDArray[np.float64]:
    return (np.linspace if scale == "linear" else np.geomspace)(lowest, highest, BINS + 1)


def _draw_frames(
    axes: "Axes", samples: npt.NDArray[np.float64], highest: float, colour: str, label: str
) -> None:
    """Dots, not a line, since frames are independent; those beyond the axis as triangles at its end."""
    frames = np.arange(len(samples))
    axes.scatter(frames, samples, s=6, linewidths=0, color=colour, label=label)
    beyond = frames[samples > highest]
    axes.scatter(beyond, np.full(len(beyond), highest), s=30, marker="^", color=colour, clip_on=False)
    axes.axhline(float(np.median(samples)), color=colour, linewidth=0.8, alpha=0.6)


def _label(record: BenchRecord, figure: "Figure", over_frames: "Axes", distribution: "Axes") -> None:
    conditions, device = record.conditions, record.machine.device
    pace = f"{conditions.paced_fps:g} frames a second" if conditions.paced_fps else "interleaved"
    bundle = record.bundle
    note = f"{bundle.weights_note}, " if bundle.weights_note else ""
    figure.suptitle(
        f"{bundle.model}, {bundle.precision}, {note}on {device.name}, threads: {conditions.threads}, {pace}, "
        f"{record.started_at[:10]}",
        fontsize=11,
    )
    over_frames.set(xlabel="frame", ylabel="latency, ms", xlim=(0, conditions.num_frames))
    distribution.set(xlabel="frames")
    distribution.locator_params(axis="x", integer=True)
    figure.legend(frameon=False, loc="outside lower center", ncols=len(record.backends), markerscale=2)
    for axes in (over_frames, distribution):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", linewidth=0.4, alpha=0.5)
        axes.set_axisbelow(True)
