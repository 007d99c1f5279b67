"""A raw TVM target, given as JSON, for processors that the table does not list."""

import re
from dataclasses import replace
from typing import Annotated, Literal

import msgspec

from tsm_edge.errors import UsageError
from tsm_edge.targets.spec import Libc, TargetSpec
from tsm_edge.targets.table import TARGETS

__all__ = ["target_from_json"]

EXAMPLE = '{"kind":"llvm","mtriple":"aarch64-linux-gnu","mcpu":"cortex-a72","mattr":["+neon"],"num-cores":4}'

# Triples that the kernels and the linker know, by how LLVM may spell them: (our spelling, libc).
_TRIPLES: dict[str, tuple[str, Libc]] = {
    r"x86_64(-\w+)?-linux-gnu": ("x86_64-linux-gnu", "gnu"),
    r"(aarch64|arm64)(-\w+)?-linux-gnu": ("aarch64-linux-gnu", "gnu"),
    r"(aarch64|arm64)(-\w+)?-linux-android\d*": ("aarch64-linux-android", "bionic"),
}

# The name goes into a folder's name and onto the linker's command line.
_Cpu = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
_Feature = Annotated[str, msgspec.Meta(pattern=r"^[+-][A-Za-z0-9._-]+$", max_length=64)]
_Cores = Annotated[int, msgspec.Meta(ge=1, le=1024)]


class _RawTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a TVM target that mean something here."""

    kind: Literal["llvm"]
    mtriple: str
    mcpu: _Cpu = "generic"
    mattr: tuple[_Feature, ...] = ()
    num_cores: _Cores = msgspec.field(name="num-cores", default=1)


def target_from_json(text: str) -> TargetSpec:
    """The target that a TVM target in JSON describes; its caches are those of the smallest common cores.

    Raises:
        UsageError: The JSON is broken or asks for something that no kernel rule can serve.
    """
    try:
        raw = msgspec.json.decode(text, type=_RawTarget)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise UsageError(f"target JSON: {error}; expected a TVM target such as {EXAMPLE}") from error
    triple, libc = _triple_and_libc(raw.mtriple)
    family = _x86_64_level(raw) if triple.startswith("x86_64") else "android-arm64"
    return replace(
        TARGETS[family],
        name=f"custom-{raw.mcpu}",
        description=f"raw TVM target {triple} {raw.mcpu}",
        triple=triple,
        cpu=raw.mcpu,
        features=raw.mattr,
        threads=raw.num_cores,
        libc=libc,
        note="",
        source="given on the command line",
    )


def _triple_and_libc(mtriple: str) -> tuple[str, Libc]:
    for pattern, known in _TRIPLES.items():
        if re.fullmatch(pattern, mtriple):
            return known
    accepted = ", ".join(sorted(triple for triple, _ in _TRIPLES.values()))
    raise UsageError(f"target JSON: no kernels for triple {mtriple!r}; accepted are {accepted}")


def _x86_64_level(raw: _RawTarget) -> str:
    """Widest vectors that a raw x86 target surely has: by its cpu's name, or else by its features."""
    if raw.mcpu.startswith("x86-64-v") and raw.mcpu in TARGETS:
        return raw.mcpu
    if "+avx512f" in raw.mattr:
        return "x86-64-v4"
    return "x86-64-v3" if {"+avx2", "+fma"} <= set(raw.mattr) else "x86-64-v2"
