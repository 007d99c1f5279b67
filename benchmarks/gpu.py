"""How fast is a bundle on an NVIDIA GPU that is at hand, beside torch.compile with CUDA graphs?

    python benchmarks/gpu.py [--bundle DIR] [--precision fp32|fp16] [--frames N] [--results DIR]

The compiled bundle on the GPU and PyTorch's compiler on the same network, frame by frame in turn; the outputs of both
are compared with ONNX Runtime's on the CPU first. Without --bundle the default network is compiled for the GPU that is
found. PyTorch must be its CUDA build: this project's own installation has the one for processors.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch_gpu
from result_files import RESULTS, announce, called, save

from tsm_edge.bundle import Bundle
from tsm_edge.cli.exits import run_and_exit
from tsm_edge.export import compile_bundle, default_model
from tsm_edge.runtime.bench import BenchOptions, BenchRecord, benchmark
from tsm_edge.targets import cuda_target
from tsm_edge.targets.cuda import ARCHITECTURES


@click.command()
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Default: the default model for the GPU found."
)
@click.option("--precision", type=click.Choice(["fp32", "fp16"]), default="fp32", show_default=True)
@click.option("--frames", type=click.IntRange(min=1), default=500, show_default=True, help="Frames timed.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where the files go.")
def main(bundle: Path | None, precision: str, frames: int, results: Path) -> None:
    """Measure one frame's latency on the GPU."""
    arch = torch_gpu.gpu_arch()
    with TemporaryDirectory(prefix="tsm-edge-") as folder:
        opened = Bundle.open(bundle) if bundle else compiled(arch, precision, Path(folder) / "bundle")
        record = measure(opened, frames)
    save(record, results, "gpu")
    ours, theirs = (each.latency.summary.p50_ms for each in record.backends)
    announce(f"{ours / theirs:.2f} of the time of torch.compile, {record.backends[0].compute}")


def compiled(arch: str, precision: str, path: Path) -> Bundle:
    """The default model for GPUs of `arch`, or of the newest one before it that is known."""
    known = [each for each in ARCHITECTURES if _number(each) <= _number(arch)]
    announce(f"compiling for {arch} ...")
    return compile_bundle(
        default_model(), cuda_target(known[-1] if known else arch), path, precision=precision
    ).bundle


def measure(bundle: Bundle, frames: int) -> BenchRecord:
    """The bundle and torch.compile, both on the GPU.

    Raises:
        DeviceError: There is no GPU, or it cannot be used.
        VerificationError: An engine's logits are not ONNX Runtime's; nothing was timed.
    """
    options = BenchOptions(
        backends=("tvm",), device="gpu", num_frames=frames, warmup=50, profile=True, command=called(__file__)
    )
    extra = {"torch-compile": partial(torch_gpu.open_backend, bundle)}
    return benchmark(bundle, options, extra_engines=extra, announce=announce)


def _number(arch: str) -> int:
    return int(arch.removeprefix("sm_"))


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/gpu.py")
