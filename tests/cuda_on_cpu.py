"""Generated CUDA C, compiled for the CPU and run there: results and addresses as on a GPU, but not its speed.

See mock_cuda/cuda_on_cpu.cc for how the threads of a block meet at a barrier.
"""

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs

__all__ = ["CpuKernels", "build_cpu_kernels"]

MOCK_CUDA = Path(__file__).parent / "mock_cuda"
# How TVM writes a kernel's head; declarations end in a semicolon.
KERNEL = re.compile(
    r'extern "C" __global__ void __launch_bounds__\((?P<threads>\d+)(?:, 1)?\) (?P<name>\w+)\((?P<params>[^)]*)\) \{'
)
FLAGS = (
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-shared",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-strict-aliasing",
    "-w",
    "-g0",
)


class CpuKernels:
    """A library that `build_cpu_kernels` made."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))

    def num_params(self, kernel: str) -> int:
        """How many pointers a kernel takes; -1 if there is none of that name."""
        return int(self._library.cpu_kernel_params(kernel.encode()))

    def launch(
        self, kernel: str, grid: Sequence[int], block: Sequence[int], addresses: Sequence[int]
    ) -> None:
        """Run a kernel whose pointers are `addresses`, to its end."""
        assert self.num_params(kernel) == len(addresses), kernel
        values = [ctypes.c_void_p(address) for address in addresses]
        params = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        sizes = [(ctypes.c_uint * 3)(*size) for size in (grid, block)]
        status = self._library.cpu_launch(kernel.encode(), *sizes, 0, params)
        assert status == 0, f"{kernel}: cpu_launch returned {status}"


def build_cpu_kernels(cuda_source: str, directory: Path) -> Path:
    """Compile `cuda_source` for this machine into `directory`/kernels_on_cpu.so.

    The library exports `cpu_launch` and `cpu_kernel_params`, see mock_cuda/cuda_on_cpu.cc.
    """
    source, library = directory / "kernels_on_cpu.cc", directory / "kernels_on_cpu.so"
    source.write_text(f'#include "cuda_on_cpu.h"\n{cuda_source}\n{_table(cuda_source)}\n')
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, f"-I{MOCK_CUDA}"]
    cache = str(platformdirs.user_cache_path("tsm-edge") / "zig")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    inputs = [str(source), str(MOCK_CUDA / "cuda_on_cpu.cc")]
    done = subprocess.run(
        [*command, *inputs, "-o", str(library)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return library


def _table(cuda_source: str) -> str:
    heads = list(KERNEL.finditer(cuda_source))
    ends = [*(head.start() for head in heads[1:]), len(cuda_source)]
    calls, rows = [], []
    for head, end in zip(heads, ends, strict=True):
        types = [param.rpartition(" ")[0] for param in head["params"].split(", ")]
        arguments = ", ".join(f"*({kind} *)params[{index}]" for index, kind in enumerate(types))
        calls.append(f"static void call_{head['name']}(void **params) {{ {head['name']}({arguments}); }}")
        barrier = "true" if "__syncthreads()" in cuda_source[head.end() : end] else "false"
        rows.append(f'{{"{head["name"]}", call_{head["name"]}, {len(types)}, {head["threads"]}, {barrier}}}')
    table = ",\n  ".join(rows)
    return "\n".join(
        [
            *calls,
            f"extern const cpu_kernel cpu_kernels[] = {{\n  {table}\n}};",
            f"extern const int cpu_num_kernels = {len(rows)};",
        ]
    )
