"""zig from pip: compiler, linker and libc for every target, run as `python -m ziglang`."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from tsm_edge.errors import CompileError

__all__ = ["c_source", "darwin_headers", "run_zig", "zig_cc"]


def c_source(name: str) -> Path:
    """A file of csrc/, which travels with this package."""
    return _csrc() / name


def zig_cc(zig_target: str, flags: Sequence[str | Path], inputs: Sequence[Path], path: Path) -> None:
    """Compile or link `inputs` into `path`; csrc/ is among the folders of headers.

    Raises:
        CompileError: zig refused.
    """
    run_zig(["cc", "-target", zig_target, *flags, f"-I{_csrc()}", *inputs, "-o", path])


def run_zig(arguments: Sequence[str | Path]) -> None:
    """Run one of zig's tools.

    Raises:
        CompileError: It refused; the message is its first error.
    """
    command = [sys.executable, "-m", "ziglang", *map(str, arguments)]
    cache = str(platformdirs.user_cache_path("tsm-edge") / "zig")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no message"]
        first = next((line for line in lines if "error" in line), lines[-1])
        raise CompileError(f"zig {arguments[0]} failed: {first}")


def darwin_headers() -> list[str | Path]:
    """Options for Apple's libc headers, which zig finds by itself for macOS alone; iOS has the same libc."""
    (folder,) = getattr(find_spec("ziglang"), "submodule_search_locations", None) or ("",)
    return ["-isystem", Path(folder) / "lib" / "libc" / "include" / "any-darwin-any"]


def _csrc() -> Path:
    return Path(__file__).parent / "csrc"
