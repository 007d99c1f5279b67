"""From CUDA C to PTX: NVRTC, called through its C interface."""

import ctypes
import re
from ctypes import byref, c_char_p, c_int, c_size_t, c_void_p, create_string_buffer
from functools import cache
from typing import Any

from tsm_edge.errors import CompileError
from tsm_edge.export.cuda.nvidia import nvidia_folder
from tsm_edge.targets.gpu import GpuSpec

__all__ = ["compile_ptx", "ptx_version"]

VERSION = re.compile(r"^\.version (\d+)\.(\d+)$", re.MULTILINE)


def compile_ptx(cuda_source: str, gpu: GpuSpec) -> str:
    """Compile `cuda_source` to PTX that the oldest driver of `gpu` takes.

    A driver refuses PTX of a newer version than its own, whatever is in it, and NVRTC writes its own one. The
    kernels use nothing that came after PTX 6.0, so the version is brought down; ptxas checks that it holds.

    Raises:
        MissingDependencyError: NVRTC is not installed.
        CompileError: NVRTC refused.
    """
    ptx = _compile(cuda_source, gpu.arch.replace("sm_", "compute_"))
    if ptx_version(ptx) <= gpu.ptx_version:
        return ptx
    return VERSION.sub(".version {}.{}".format(*gpu.ptx_version), ptx, count=1)


def ptx_version(ptx: str) -> tuple[int, int]:
    """Of the language that `ptx` is written in."""
    found = VERSION.search(ptx)
    if not found:
        raise CompileError("the PTX names no version; NVRTC wrote something else")
    return int(found[1]), int(found[2])


def _compile(source: str, arch: str) -> str:
    library = _library()
    program = c_void_p()
    _check(
        library.nvrtcCreateProgram(byref(program), source.encode(), b"kernels.cu", 0, None, None), "create"
    )
    try:
        options = [f"--gpu-architecture={arch}".encode(), b"--std=c++17", b"--fmad=true"]
        status = library.nvrtcCompileProgram(program, len(options), (c_char_p * len(options))(*options))
        if status:
            log = _text(library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog, program)
            lines = [line for line in log.splitlines() if "error" in line] or [f"status {status}"]
            raise CompileError(f"NVRTC cannot compile the kernels for {arch}: {lines[0]}")
        return _text(library.nvrtcGetPTXSize, library.nvrtcGetPTX, program)
    finally:
        library.nvrtcDestroyProgram(byref(program))


def _text(size_of: Any, read: Any, program: c_void_p) -> str:
    size = c_size_t()
    _check(size_of(program, byref(size)), "size")
    buffer = create_string_buffer(size.value)
    _check(read(program, buffer), "read")
    return buffer.value.decode()


def _check(status: int, what: str) -> None:
    if status:
        raise CompileError(f"NVRTC failed: {what}, status {status}")


@cache
def _library() -> Any:
    folder = nvidia_folder("cuda_nvrtc") / "lib"
    try:
        # NVRTC opens its second half by name alone, and finds it if it is loaded already.
        for builtins in folder.glob("libnvrtc-builtins.so.*"):
            ctypes.CDLL(str(builtins), ctypes.RTLD_GLOBAL)
        library = ctypes.CDLL(str(next(iter(sorted(folder.glob("libnvrtc.so.*"))))))
    except (OSError, StopIteration) as error:
        raise CompileError(f"NVRTC in {folder} cannot be loaded: {error}") from error
    for name in ("nvrtcCreateProgram", "nvrtcCompileProgram", "nvrtcGetPTX", "nvrtcGetPTXSize"):
        getattr(library, name).restype = c_int
    return library
