"""How long does one frame take on this machine, and how long with other engines?

    python benchmarks/latency.py [--bundle DIR] [--threads N ...] [--frames N] [--results DIR]

The compiled bundle, ONNX Runtime, PyTorch and, on one thread, TVM without this project's kernels run the same
network side by side, frame by frame; outputs are compared first. Each number of threads has its result file.
"""

from functools import partial
from pathlib import Path

import click
import tvm_default
from result_files import RESULTS, announce, called, opened_bundle, save

from tsm_edge.bundle import Bundle
from tsm_edge.cli.exits import run_and_exit
from tsm_edge.runtime.bench import BenchOptions, BenchRecord, benchmark
from tsm_edge.targets import host_target

BACKENDS = ("tvm", "onnxruntime", "torch")


@click.command()
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Default: the host bundle in the user's cache."
)
@click.option("--threads", type=int, multiple=True, help="Repeatable; default: 1 and all cores.")
@click.option("--frames", type=int, default=200, show_default=True, help="Frames that are timed.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the files go.")
def main(bundle: Path | None, threads: tuple[int, ...], frames: int, results: Path) -> None:
    """Measure one frame's latency, engine by engine."""
    opened = opened_bundle(bundle)
    for count in threads or sorted({1, host_target().threads}):
        save(measure(opened, count, frames), results, "latency")


def measure(bundle: Bundle, threads: int, frames: int) -> BenchRecord:
    """All engines with the same number of threads."""
    options = BenchOptions(backends=BACKENDS, threads=threads, num_frames=frames, command=called(__file__))
    extra = {"tvm-default": partial(tvm_default.open_backend, bundle)} if threads == 1 else {}
    return benchmark(bundle, options, extra_engines=extra, announce=announce)


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/latency.py")
