"""Is the compiled bundle ahead of the engines that others would take?

    python benchmarks/peers.py [--bundle DIR] [--threads N ...] [--frames N] [--results DIR]

The bundle's library beside ONNX Runtime, OpenVINO and ncnn: all run the bundle's own ONNX file in float32 with
the same number of threads, frame by frame in turn; outputs are compared first. Each number of threads has its
result file. `make bench-peers` installs the engines, or `pip install 'tsm-edge[peers]'`.
"""

from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import click
import ncnn_peer
import openvino_peer
from result_files import RESULTS, announce, called, opened_bundle, save

from tsm_edge.bundle import Bundle
from tsm_edge.cli.exits import run_and_exit
from tsm_edge.runtime.bench import BenchOptions, BenchRecord, benchmark

BACKENDS = ("tvm", "onnxruntime")
PEERS = {"openvino": openvino_peer.open_backend, "ncnn": ncnn_peer.open_backend}
THREADS = (1, 2)


@click.command()
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Default: the host bundle in the user's cache."
)
@click.option("--threads", type=int, multiple=True, default=THREADS, show_default=True, help="Repeatable.")
@click.option("--frames", type=int, default=200, show_default=True, help="Frames that are timed.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the files go.")
def main(bundle: Path | None, threads: tuple[int, ...], frames: int, results: Path) -> None:
    """Measure one frame's latency beside other projects' engines."""
    opened = opened_bundle(bundle)
    for count in threads:
        save(measure(opened, count, frames), results, "peers")


def measure(bundle: Bundle, threads: int, frames: int) -> BenchRecord:
    """All engines with the same number of threads; the record's versions name the peers' packages too."""
    options = BenchOptions(
        backends=BACKENDS, threads=threads, num_frames=frames, cold_start=False, command=called(__file__)
    )
    openers = {name: partial(open_peer, bundle, threads) for name, open_peer in PEERS.items()}
    record = benchmark(bundle, options, extra_engines=openers, announce=announce)
    return replace(record, versions=record.versions | {name: version(name) for name in PEERS})


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/peers.py")
