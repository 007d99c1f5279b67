"""The mock libcuda.so.1 of mock_cuda/, a network's kernels for it, and Python that runs with both."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs
from cuda_on_cpu import build_cpu_kernels

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.export.cuda import plan_gpu
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax

__all__ = ["MOCK_SOURCES", "MockGpu", "build_mock", "kernels_for"]

MOCK_CUDA = Path(__file__).parent / "mock_cuda"
SOURCES = ("mock_calls.c", "mock_device.c", "mock_memory.c", "mock_module.c", "mock_work.c")
FLAGS = (
    "-std=c11",
    "-O1",
    "-fPIC",
    "-fvisibility=hidden",
    "-D_GNU_SOURCE",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-g0",
)
MOCK_SOURCES = tuple(MOCK_CUDA / name for name in SOURCES)


def build_mock(directory: Path, *, graphs: bool = True) -> Path:
    """Compile the mock into `directory`, for LD_LIBRARY_PATH; without graphs it is a driver of CUDA 9."""
    library = directory / "libcuda.so.1"
    options = [*FLAGS, *([] if graphs else ["-DMOCK_WITHOUT_GRAPHS"]), "-shared", "-Wl,-soname,libcuda.so.1"]
    command = [sys.executable, "-m", "ziglang", "cc", *options, *map(str, MOCK_SOURCES)]
    cache = str(platformdirs.user_cache_path("tsm-edge") / "zig")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    subprocess.run([*command, "-o", str(library)], env=environment, check=True)
    return directory


def kernels_for(bundle: Bundle, directory: Path) -> Path:
    """The kernels of a bundle's GPU half, compiled for the CPU."""
    network = fuse_layers(read_graph(import_relax(bundle.file(ONNX_MODEL))))
    gpu = bundle.manifest.target.gpu
    assert gpu is not None
    return build_cpu_kernels(plan_gpu(network, gpu, bundle.manifest.precision).cuda_source, directory)


class MockGpu:
    """A machine with a GPU, as far as a process that `python` or `run` starts can see.

    What leaks there, and what the driver's interface forbids, ends that process with an error.
    """

    def __init__(self, libraries: Path, kernels: Path, home: Path) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MOCK_CUDA")},
            "LD_LIBRARY_PATH": str(libraries),
            "MOCK_CUDA_KERNELS": str(kernels),
            "MOCK_CUDA_COMPUTE": "75",
            "MOCK_CUDA_LEAKS": "1",
            "PYTHONPATH": str(MOCK_CUDA.parent),
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
        }

    def run(
        self,
        *command: object,
        code: int = 0,
        preexec: Callable[[], None] | None = None,
        **settings: object,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program and check its exit status; settings go into the environment, None removes one."""
        environment = _changed(self.environment, settings)
        done = subprocess.run(
            [str(each) for each in command],
            env=environment,
            preexec_fn=preexec,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def python(
        self, source: str, *arguments: object, code: int = 0, **settings: object
    ) -> subprocess.CompletedProcess[str]:
        """Run Python that begins with `from mock_gpu_child import *`."""
        script = f"from mock_gpu_child import *\n{source}"
        return self.run(sys.executable, "-c", script, *arguments, code=code, **settings)


def _changed(environment: Mapping[str, str], settings: Mapping[str, object]) -> dict[str, str]:
    changed = {**environment, **{name: str(value) for name, value in settings.items() if value is not None}}
    return {name: value for name, value in changed.items() if settings.get(name, "") is not None}
