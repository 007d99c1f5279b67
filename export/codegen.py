"""From TIR functions to one object file: lowering passes and LLVM, without TVM's runtime behind the functions."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tvm
from tvm import tirx

from tsm_edge.errors import CompileError, UnknownTargetError
from tsm_edge.export.kernels.emitter import Kernel
from tsm_edge.targets import TARGETS, TargetSpec

__all__ = ["check_processor", "tvm_target", "write_object"]

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
        CompileError: TVM or LLVM refused.
        OSError: The file cannot be written.
    """
    try:
        machine = tvm_target(target)
        module = tvm.IRModule({kernel.name: kernel.function for kernel in kernels})
        module = tirx.transform.BindTarget(machine.with_host(machine))(module)
        module = tvm.transform.Sequential(_passes())(module)
        library = tvm.get_global_func("target.build.llvm")(module, machine)
    except (ValueError, RuntimeError) as error:
        raise CompileError(
            f"TVM cannot compile for {target.name} ({target.cpu}): {_last_line(error)}"
        ) from error
    path.write_bytes(_object_file(library))


def check_processor(target: TargetSpec) -> None:
    """Refuse what LLVM itself would only mumble of, to compile for a generic processor then.

    Raises:
        UnknownTargetError: This LLVM does not know the processor or a feature of it.
    """
    if not tvm.get_global_func("target.llvm_is_valid_cpu")(target.cpu, target.triple):
        known = {entry.cpu for entry in TARGETS.values() if entry.architecture == target.architecture}
        raise UnknownTargetError(
            f"LLVM knows no processor {target.cpu!r} for {target.triple}; give a name that its -mcpu takes, "
            f"such as {', '.join(sorted(known | {'generic'}))}"
        )
    for feature in target.features:
        if not _knows_feature(target, feature[1:]):
            raise UnknownTargetError(
                f"LLVM knows no feature {feature!r} of {target.cpu}; leave it out of the target"
            )


def _knows_feature(target: TargetSpec, name: str) -> bool:
    """LLVM only says which features are on: this one is, once it is asked for, unless it is unknown."""
    asked = {"kind": "llvm", "mtriple": target.triple, "mcpu": target.cpu, "mattr": [f"+{name}"]}
    with _quiet_stderr():  # it prints what it does not know
        return bool(tvm.get_global_func("target.llvm_cpu_has_feature")(name, tvm.target.Target(asked)))


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Drop what C++ writes to standard error."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  a device, not a path
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _object_file(library: Any) -> bytes:
    """LLVM ends the whole process where it cannot write, such as on a full disk: it gets memory to write to."""
    if sys.platform != "linux":
        with TemporaryDirectory() as directory:
            path = Path(directory) / "kernels.o"
            library.write_to_file(str(path), "o")
            return path.read_bytes()
    with open(os.memfd_create("kernels"), "rb") as memory:  # noqa: PTH123  there is no path
        library.write_to_file(f"/proc/self/fd/{memory.fileno()}", "o")
        return memory.read()


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
