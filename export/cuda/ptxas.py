"""PTX on trial: NVIDIA's assembler must take it, and says what each kernel needs."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tsm_edge.errors import CompileError
from tsm_edge.export.cuda.nvidia import nvidia_folder
from tsm_edge.targets.gpu import GpuSpec

__all__ = ["KernelResources", "assemble", "check_ptx"]

KERNEL = re.compile(r"Compiling entry function '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True, kw_only=True)
class KernelResources:
    """What ptxas says of a kernel.

    Attributes:
        registers: Of a thread.
        shared_bytes: Static shared memory of a block.
        stack_bytes, spill_bytes: Local memory of a thread: arrays that no register holds, and what did not fit.
    """

    name: str
    registers: int
    shared_bytes: int
    stack_bytes: int
    spill_bytes: int

    @property
    def spills(self) -> bool:
        """Whether something lies in local memory, which is as slow as any other."""
        return bool(self.stack_bytes or self.spill_bytes)


def check_ptx(ptx: str, gpu: GpuSpec) -> tuple[KernelResources, ...]:
    """Assemble `ptx` for `gpu`; nothing is kept but what the kernels need.

    Raises:
        MissingDependencyError: ptxas is not installed.
        CompileError: ptxas refused.
    """
    with tempfile.TemporaryDirectory(prefix="tsm-edge-") as folder:
        return assemble(ptx, gpu, Path(folder) / "kernels.cubin")


def assemble(ptx: str, gpu: GpuSpec, cubin: Path) -> tuple[KernelResources, ...]:
    """Write machine code of `ptx` for `gpu` to `cubin`; what each kernel needs.

    Raises:
        MissingDependencyError: ptxas is not installed.
        CompileError: ptxas refused.
    """
    ptxas = nvidia_folder("cuda_nvcc") / "bin" / "ptxas"
    source = cubin.with_suffix(".ptx")
    source.write_text(ptx)
    command = [str(ptxas), f"-arch={gpu.arch}", "-v", str(source), "-o", str(cubin)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompileError(f"{ptxas} cannot be run: {error}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise CompileError(f"ptxas refuses the PTX for {gpu.arch}: {lines[0]}")
    return tuple(_resources(done.stderr + done.stdout))


def _resources(log: str) -> Iterator[KernelResources]:
    parts = KERNEL.split(log)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        used, spills, shared = USED.search(text), SPILLS.search(text), SHARED.search(text)
        if not used or not spills:
            raise CompileError(f"ptxas says nothing of {name}; its report has another form than 11.8's")
        stack, stores, loads = (int(number) for number in spills.groups())
        yield KernelResources(
            name=name,
            registers=int(used[1]),
            shared_bytes=int(shared[1]) if shared else 0,
            stack_bytes=stack,
            spill_bytes=stores + loads,
        )
