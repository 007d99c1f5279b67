"""zig from pip: compiler, linker and libc for every target, run as `python -m ziglang`."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

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
    cache = platformdirs.user_cache_path("tsm-edge") / "zig"
    places = {
        "ZIG_GLOBAL_CACHE_DIR": cache,
        "ZIG_LOCAL_CACHE_DIR": cache,
        "ZIG_LIB_DIR": library_folder(cache),
    }
    environment = {**{name: str(place) for name, place in places.items()}, **os.environ}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no message"]
        first = next((line for line in lines if "error" in line), lines[-1])
        raise CompileError(f"zig {arguments[0]} failed: {first}")


def library_folder(cache: Path) -> Path:
    """The folder of zig's libcs, by a name in `cache` that is the same in every environment with this zig.

    What zig has built it looks up by this folder's path as well: by their own paths, a second environment would build
    each libc again, which takes up to a minute.
    """
    own = _ziglang() / "lib"
    name = cache / f"lib-{version('ziglang')}"
    if name.is_dir():  # maybe another environment's, with the same content
        return name
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as folder:
            aside = Path(folder) / "lib"
            aside.symlink_to(own, target_is_directory=True)
            aside.replace(name)  # over one that leads nowhere since its environment was removed
    except OSError:
        return own
    return name


def darwin_headers() -> list[str | Path]:
    """Options for Apple's libc headers, which zig finds by itself for macOS alone; iOS has the same libc."""
    return ["-isystem", _ziglang() / "lib" / "libc" / "include" / "any-darwin-any"]


def _ziglang() -> Path:
    (folder,) = getattr(find_spec("ziglang"), "submodule_search_locations", None) or ("",)
    return Path(folder)


def _csrc() -> Path:
    return Path(__file__).parent / "csrc"
