"""`tsm-edge run BUNDLE --source ...`: predictions for a video or a camera."""

from typing import TYPE_CHECKING

import click

from tsm_edge.cli.exits import EXIT_INTERRUPTED
from tsm_edge.cli.options import device_option

if TYPE_CHECKING:
    from tsm_edge.runtime.prediction import Prediction
    from tsm_edge.runtime.run_summary import RunSummary

__all__ = ["SOURCES", "LabelChanges", "command", "print_summary"]

SOURCES = """\b
Sources: 0 or /dev/video0 (camera), file.mp4, 'frames/*.jpg' (in quotes), rtsp://... or http://...,
csi://0 (Jetson), live+file.mp4 (a file in the role of a camera).
"""


@click.command("run", short_help="Predict the frames of a video or camera.", epilog=SOURCES)
@click.argument("bundle", type=click.Path())
@click.option("--source", required=True, help="Camera, video, pictures or address; see below.")
@click.option("--backend", default="tvm", show_default=True, help="tvm, onnxruntime or torch.")
@click.option("--threads", type=click.IntRange(min=1), help="Default: what the bundle was compiled for.")
@device_option
@click.option("--json", "json_path", type=click.Path(), help="Write JSON lines; - is standard output.")
@click.option("--logits", is_flag=True, help="Put the raw logits into the JSON lines.")
@click.option("--output", type=click.Path(), help="Write an annotated video, such as annotated.mp4.")
@click.option("--max-frames", type=click.IntRange(min=1), help="End after that many predictions.")
@click.option(
    "--every", type=click.IntRange(min=1), default=1, show_default=True, help="Predict every N-th frame."
)
@click.option("--no-smoothing", is_flag=True, help="Show every single frame's label.")
def command(
    bundle: str,
    source: str,
    backend: str,
    threads: int | None,
    device: str,
    json_path: str | None,
    logits: bool,
    output: str | None,
    max_frames: int | None,
    every: int,
    no_smoothing: bool,
) -> int:
    """Predict the frames of a video or camera with BUNDLE, until it ends or Ctrl-C is pressed."""
    from tsm_edge.runtime.run_loop import run

    # Standard output belongs to the JSON lines if they go there.
    to_stderr = json_path == "-"
    summary = run(
        bundle,
        source,
        backend=backend,
        threads=threads,
        device=device,
        json_path=json_path,
        logits=logits,
        output=output,
        max_frames=max_frames,
        every=every,
        smoothing=not no_smoothing,
        on_prediction=LabelChanges(to_stderr=to_stderr).show,
    )
    written = [path for path in (json_path, output) if path and path != "-"]
    print_summary(summary, written, to_stderr=to_stderr)
    return EXIT_INTERRUPTED if summary.interrupted else 0


class LabelChanges:
    """One line whenever another label is shown."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        self._to_stderr = to_stderr
        self._shown: str | None = None

    def show(self, prediction: "Prediction") -> None:
        """Print a line if this prediction shows another label than the one before."""
        if prediction.smoothed_label == self._shown:
            return
        self._shown = prediction.smoothed_label
        click.echo(
            f"{prediction.timestamp_s:8.2f} s  frame {prediction.frame:<6} {prediction.smoothed_label}  "
            f"(this frame: {prediction.label} {prediction.score:.0%})",
            err=self._to_stderr,
        )


def print_summary(summary: "RunSummary", written: list[str], *, to_stderr: bool = False) -> None:
    """Print a table of what a run did and which files it wrote."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=to_stderr, highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(summary, written):
        table.add_row(name, value)
    console.print()
    console.print(table)


def _rows(summary: "RunSummary", written: list[str]) -> list[tuple[str, str]]:
    note = f", {summary.weights_note}" if summary.weights_note else ""
    threads = f"{summary.threads} thread{'s' if summary.threads > 1 else ''}"
    labels = ", ".join(f"{label} ({count})" for label, count in summary.labels.items())
    rows = [
        ("model", f"{summary.model}{note}"),
        ("backend", f"{summary.backend}, {summary.device if summary.device != 'cpu' else threads}"),
        ("source", summary.source),
        ("frames", f"{summary.frames} predicted, {summary.dropped} dropped"),
        *((f"{stage}, median", f"{value:.2f} ms") for stage, value in summary.latency_ms.items()),
        ("speed", f"{summary.frames_per_second:.1f} frames/s, files and waiting included"),
        ("labels shown", labels or "none"),
        ("gestures", f"{summary.gestures} started"),
        ("written", ", ".join(written)),
        ("ended by", "Ctrl-C" if summary.interrupted else ""),
    ]
    return [(name, value) for name, value in rows if value]
