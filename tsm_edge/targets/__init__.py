"""Where a bundle will run: boards and processors as a table, this machine, or a raw TVM target."""

from tsm_edge.errors import UnknownTargetError
from tsm_edge.targets.host import host_target, missing_here
from tsm_edge.targets.raw import target_from_json
from tsm_edge.targets.spec import TargetSpec
from tsm_edge.targets.table import TARGETS

__all__ = ["TARGETS", "TargetSpec", "get_target", "host_target", "missing_here", "parse_target"]


def get_target(name: str) -> TargetSpec:
    """The table's entry `name`, or this machine for "host".

    Raises:
        UnknownTargetError: No such entry.
    """
    if name == "host":
        return host_target()
    try:
        return TARGETS[name]
    except KeyError:
        raise UnknownTargetError(
            f"unknown target {name!r}; choose one of host, {', '.join(sorted(TARGETS))}, "
            "or give a TVM target as JSON"
        ) from None


def parse_target(text: str) -> TargetSpec:
    """A target by name, or from a raw TVM target in JSON: {"kind": "llvm", "mtriple": ..., "mcpu": ...}.

    Raises:
        UnknownTargetError: No such name.
        UsageError: The JSON is broken or asks for something that no kernel rule can serve.
    """
    return target_from_json(text) if text.lstrip().startswith("{") else get_target(text)
