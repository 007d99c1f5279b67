"""Is the compiled bundle ahead of the engines that others would take?

    python benchmarks/peers.py [--isa avx2] [--bundle DIR] [--threads N ...] [--frames N] [--results DIR]

The bundle's library beside ONNX Runtime, OpenVINO, ncnn and LiteRT with XNNPACK: all run the bundle's own network in
float32 with the same number of threads, frame by frame in turn; outputs are compared first. Each number of threads
has its result file. `make bench-peers` installs the engines.

`--isa avx2` measures a bundle for x86-64-v3 on a machine that may have more. OpenVINO's convolutions are held to AVX2
(ONEDNN_MAX_CPU_ISA, checked in what it compiled) and are what the bundle is compared with. ONNX Runtime runs beside
them as it is: neither it nor ncnn nor XNNPACK has a switch, they take what the processor offers.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import litert_peer
import ncnn_peer
import openvino_peer
from markdown_tables import HELD_TO_AVX2
from peer_backend import PeerBackend
from result_files import RESULTS, announce, called, opened_bundle, save

from tsm_edge.bundle import Bundle
from tsm_edge.cli.exits import run_and_exit
from tsm_edge.errors import UsageError
from tsm_edge.runtime.bench import BenchOptions, BenchRecord, benchmark
from tsm_edge.targets import get_target

BACKENDS = ("tvm", "onnxruntime")
THREADS = (1, 2)
AVX2_TARGET, AVX2_BITS = "x86-64-v3", 256


@dataclass(frozen=True)
class Peer:
    """An engine: how it is opened, and the package whose version is recorded."""

    open_backend: Callable[[Bundle, int], PeerBackend]
    package: str


PEERS = {
    "openvino": Peer(openvino_peer.open_backend, "openvino"),
    "ncnn": Peer(ncnn_peer.open_backend, "ncnn"),
    "litert": Peer(litert_peer.open_backend, "ai-edge-litert"),
}
AVX2_PEERS = {f"openvino{HELD_TO_AVX2}": Peer(openvino_peer.open_avx2_backend, "openvino")}


@click.command()
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Default: the default model for this machine."
)
@click.option(
    "--isa", type=click.Choice(("avx2",)), help=f"Hold engines to it; the bundle is for {AVX2_TARGET}."
)
@click.option("--threads", type=int, multiple=True, default=THREADS, show_default=True, help="Repeatable.")
@click.option("--frames", type=int, default=200, show_default=True, help="Frames that are timed.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the files go.")
def main(bundle: Path | None, isa: str | None, threads: tuple[int, ...], frames: int, results: Path) -> None:
    """Measure one frame's latency beside other projects' engines."""
    with ExitStack() as stack:
        opened = _avx2_bundle(bundle, stack) if isa else opened_bundle(bundle)
        peers, question = (AVX2_PEERS, "peers-avx2") if isa else (PEERS, "peers")
        for count in threads:
            save(measure(opened, count, frames, peers), results, question)


def measure(bundle: Bundle, threads: int, frames: int, peers: Mapping[str, Peer]) -> BenchRecord:
    """All engines with the same number of threads; the record's versions name the peers' packages too."""
    options = BenchOptions(
        backends=BACKENDS, threads=threads, num_frames=frames, cold_start=False, command=called(__file__)
    )
    openers = {name: partial(peer.open_backend, bundle, threads) for name, peer in peers.items()}
    record = benchmark(bundle, options, extra_engines=openers, announce=announce)
    versions = {peer.package: version(peer.package) for peer in peers.values()}
    return replace(record, versions=record.versions | versions)


def _avx2_bundle(path: Path | None, stack: ExitStack) -> Bundle:
    from tsm_edge.export import compile_bundle, default_model

    if path is None:
        path = Path(stack.enter_context(TemporaryDirectory())) / AVX2_TARGET
        announce(f"compiling the default model for {AVX2_TARGET}")
        compile_bundle(default_model(), get_target(AVX2_TARGET), path)
    bundle = Bundle.open(path)
    if bundle.manifest.target.architecture != "x86_64" or bundle.manifest.target.vector_bits > AVX2_BITS:
        raise UsageError(f"{path} is for {bundle.manifest.target.name}; give one for {AVX2_TARGET}")
    return bundle


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/peers.py")
