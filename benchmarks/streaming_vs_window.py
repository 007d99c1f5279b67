"""What do the shift buffers save? One streaming step against running the last frames again for every new one.

    python benchmarks/streaming_vs_window.py [--bundle DIR] [--segments N ...] [--threads N] [--results DIR]

An engine that keeps no shift buffers has to run the network over the whole window before it can say something
about its last frame. The window is measured as that many steps from zero buffers, on the same engine in the
same run. Each length of the window has its result file.
"""

from pathlib import Path

import click
from result_files import RESULTS, announce, called, opened_bundle, save

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.runtime.bench import BenchOptions, benchmark

BACKENDS = ("tvm", "onnxruntime")
SEGMENTS = (4, 8, 16)


@click.command()
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Default: the host bundle in the user's cache."
)
@click.option(
    "--segments", type=int, multiple=True, default=SEGMENTS, show_default=True, help="Window lengths."
)
@click.option("--threads", type=int, default=1, show_default=True, help="The same for every engine.")
@click.option("--frames", type=int, default=400, show_default=True, help="Frames that are timed.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the files go.")
def main(bundle: Path | None, segments: tuple[int, ...], threads: int, frames: int, results: Path) -> None:
    """Measure one new frame's cost with and without shift buffers."""
    opened = opened_bundle(bundle)
    for num_segments in segments:
        options = BenchOptions(
            backends=BACKENDS,
            threads=threads,
            num_frames=frames,
            num_segments=num_segments,
            cold_start=False,
            command=called(__file__),
        )
        record = benchmark(opened, options, announce=announce)
        save(record, results, f"streaming-vs-{num_segments}-frame-window")


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/streaming_vs_window.py")
