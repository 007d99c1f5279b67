"""From TIR functions to one object file: lowering passes and LLVM, without TVM's runtime behind the functions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tvm
from tvm import tirx

from tsm_edge.errors import CompileError
from tsm_edge.export.kernels.emitter import Kernel
from tsm_edge.targets import TargetSpec

__all__ = ["tvm_target", "write_object"]

# LLVM's SLP vectoriser sees tiles of vectors as an invitation to build vectors of hundreds of floats and spills
# them; the kernels are vector code already.
LLVM_OPTIONS = ("-vectorize-slp:bool=false",)


def tvm_target(target: TargetSpec) -> Any:
    """The `tvm.target.Target` of `target`."""
    return tvm.target.Target(
        {
            "kind": "llvm",
            "mtriple": target.triple,
            "mcpu": target.cpu,
            "mattr": list(target.features),
            "cl-opt": list(LLVM_OPTIONS),
            "num-cores": target.threads,
        }
    )


def write_object(kernels: Iterable[Kernel], target: TargetSpec, path: Path) -> None:
    """Compile `kernels` for `target` into the object file `path`; each is `void name(float *..., int32, int32)`.

    Raises:
        CompileError: TVM or LLVM refused, such as for a processor that this LLVM does not know.
    """
    try:
        machine = tvm_target(target)
        module = tvm.IRModule({kernel.name: kernel.function for kernel in kernels})
        module = tirx.transform.BindTarget(machine.with_host(machine))(module)
        module = tvm.transform.Sequential(_passes())(module)
        library = tvm.get_global_func("target.build.llvm")(module, machine)
        library.write_to_file(str(path), "o")
    except (ValueError, RuntimeError) as error:
        raise CompileError(
            f"TVM cannot compile for {target.name} ({target.cpu}): {_last_line(error)}"
        ) from error


def _passes() -> list[Any]:
    """The kernels are flat vector code: what is left is to simplify indices and expand intrinsics."""
    transform = tirx.transform
    return [
        transform.FlattenBuffer(),
        transform.NarrowDataType(32),
        transform.StmtSimplify(),
        transform.RemoveNoOp(),
        transform.LowerTVMBuiltin(),
        transform.LowerIntrin(),
    ]


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
