"""Where a bundle will run: boards and processors as a table, this machine, or a raw TVM target."""

from tsm_edge.errors import UnknownTargetError, UsageError
from tsm_edge.targets.cuda import cuda_target
from tsm_edge.targets.gpu import GpuSpec
from tsm_edge.targets.host import host_target, missing_here
from tsm_edge.targets.raw import target_from_json
from tsm_edge.targets.spec import TargetSpec
from tsm_edge.targets.table import TARGETS

__all__ = [
    "TARGETS",
    "GpuSpec",
    "TargetSpec",
    "cuda_target",
    "get_target",
    "host_target",
    "missing_here",
    "parse_target",
]


def get_target(name: str) -> TargetSpec:
    """The table's entry `name`, this machine for "host", or this machine with a common NVIDIA GPU for "cuda".

    Raises:
        UnknownTargetError: No such entry.
    """
    if name == "host":
        return host_target()
    if name == "cuda":
        return cuda_target()
    if name.startswith("cuda-sm"):  # as bundles call it
        return cuda_target(f"sm_{name.removeprefix('cuda-sm')}")
    try:
        return TARGETS[name]
    except KeyError:
        raise UnknownTargetError(
            f"unknown target {name!r}; choose one of host, cuda, {', '.join(sorted(TARGETS))}, "
            "or give a TVM target as JSON"
        ) from None


def parse_target(text: str, arch: str | None = None) -> TargetSpec:
    """A target by name, or from a raw TVM target in JSON: {"kind": "llvm", "mtriple": ..., "mcpu": ...}.

    Args:
        text: Name or JSON.
        arch: For "cuda", the least GPU, such as "sm_75".

    Raises:
        UnknownTargetError: No such name.
        UsageError: The JSON is broken or asks for something that no kernel rule can serve.
    """
    if arch is not None and text != "cuda":
        raise UsageError(f"--arch {arch} goes with --target cuda; {text} has a GPU of its own or none")
    if arch is not None:
        return cuda_target(arch)
    return target_from_json(text) if text.lstrip().startswith("{") else get_target(text)
