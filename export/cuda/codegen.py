"""From TIR functions to CUDA C: TVM's code generator behind a head of our own, which NVRTC takes without includes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import tvm
import tvm_ffi
from tvm import tirx

from tsm_edge.errors import CompileError
from tsm_edge.export.cuda.emitter import Kernel
from tsm_edge.export.link import c_source

__all__ = ["PRELUDE", "cuda_source"]

PRELUDE = "tsm_gpu_prelude.cuh"
FIRST_KERNEL = 'extern "C" __global__'
# Where TVM lets Python look at what it wrote, and where it would call a compiler.
SEEN, COMPILED = "tvm_callback_cuda_postproc", "tvm_callback_cuda_compile"


def cuda_source(kernels: Iterable[Kernel], arch: str) -> str:
    """CUDA C of `kernels`, complete: it compiles with NVRTC without include paths.

    Args:
        kernels: Each name once.
        arch: Such as "sm_53".

    Raises:
        CompileError: TVM refused.
    """
    kernels = tuple(kernels)
    target = tvm.target.Target({"kind": "cuda", "arch": arch, "host": {"kind": "llvm"}})
    module = tvm.IRModule({kernel.name: kernel.function for kernel in kernels})
    try:
        module = tirx.transform.BindTarget(target)(module)
        module = tvm.transform.Sequential(_passes())(module)
        with _code_seen() as seen:
            tvm.get_global_func("target.build.cuda")(module, target)
    except (ValueError, RuntimeError) as error:
        raise CompileError(f"TVM cannot write CUDA C for {arch}: {_last_line(error)}") from error
    (code,) = seen
    code = code[code.index(FIRST_KERNEL) :]
    for kernel in kernels:
        if kernel.registers_first:
            bounds = f"__launch_bounds__({kernel.block[0]}"
            code = code.replace(f"{bounds}) {kernel.name}(", f"{bounds}, 1) {kernel.name}(")
    return c_source(PRELUDE).read_text("utf-8") + "\n" + code


@contextmanager
def _code_seen() -> Iterator[list[str]]:
    """What TVM writes meanwhile; nothing compiles it."""
    seen: list[str] = []

    def see(code: str, *_: Any) -> str:
        seen.append(code)
        return code

    before = {name: tvm_ffi.get_global_func(name, allow_missing=True) for name in (SEEN, COMPILED)}
    tvm_ffi.register_global_func(SEEN, see, override=True)
    tvm_ffi.register_global_func(COMPILED, lambda *_: b" ", override=True)
    try:
        yield seen
    finally:
        for name, function in before.items():
            if function is None:
                tvm_ffi.registry.remove_global_func(name)
            else:
                tvm_ffi.register_global_func(name, function, override=True)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__


def _passes() -> list[Any]:
    """Kernels are written as they shall run: what is left is to simplify indices."""
    transform = tirx.transform
    return [
        transform.FlattenBuffer(),
        transform.NarrowDataType(32),
        transform.StmtSimplify(),
        transform.RemoveNoOp(),
        transform.LowerIntrin(),
    ]
