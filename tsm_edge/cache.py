"""The host bundle: the default model compiled for this machine, once, into the user's cache.

A bundle's folder name ends in a fingerprint of all that it was made from: the export half's files, which hold
the default model, the versions of the packages that compile, the machine's target, and what tuning found for it. When
one of them changes, the name does, and nothing stale is found. Processes that want a bundle at once wait for the first.
"""

import shutil
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import msgspec
import platformdirs

from tsm_edge import __version__
from tsm_edge.bundle import Bundle
from tsm_edge.environment import half_versions
from tsm_edge.errors import BundleError, MissingDependencyError
from tsm_edge.locks import directory_locked
from tsm_edge.targets import TargetSpec, host_target

__all__ = ["cache_directory", "host_bundle"]

# Each is some 10 MB; more than one is of use while versions are compared.
BUNDLES_KEPT = 4


def cache_directory() -> Path:
    """Where compiled bundles are kept, as the system wants it: ~/.cache/tsm-edge on Linux."""
    return Path(platformdirs.user_cache_dir("tsm-edge", appauthor=False))


def host_bundle(announce: Callable[[str], None] = lambda _: None, *, directory: Path | None = None) -> Path:
    """The folder of the default model's bundle for this machine; compiled if the cache has none.

    Args:
        announce: Told, in a few words, what takes long.
        directory: Where bundles are kept instead of the user's cache.

    Raises:
        MissingDependencyError: It is not compiled yet and the export half is not installed.
        CompileError: It could not be compiled.
        UnknownTargetError: There are no kernels for this machine.
        OutputError: The cache cannot be written.
    """
    target = host_target()
    directory = directory or cache_directory()
    path = directory / f"host-{_fingerprint(target)}"
    if not _is_usable(path):
        with directory_locked(directory, lambda: announce("waiting for another process that compiles")):
            if not _is_usable(path):
                announce("compiling the default model for this machine, once")
                _compile(target, path, announce)
                _remove_old(directory)
    return path


def _compile(target: TargetSpec, path: Path, announce: Callable[[str], None]) -> None:
    try:
        from tsm_edge.export import compile_bundle, default_model
    except MissingDependencyError as error:
        raise MissingDependencyError(f"no bundle was given and none is compiled yet; {error}") from error
    compile_bundle(default_model(), target, path, on_stage=announce)


def _is_usable(path: Path) -> bool:
    try:
        Bundle.open(path)
    except BundleError:
        return False
    return True


def _fingerprint(target: TargetSpec) -> str:
    digest = sha256()
    for file in _source_files():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    digest.update(_tuning_results(target))
    digest.update(msgspec.json.encode([target, __version__, half_versions("export")], order="sorted"))
    return digest.hexdigest()[:16]


def _tuning_results(target: TargetSpec) -> bytes:
    """What the compiler would pick up; a file that it cannot read it will complain of itself."""
    from tsm_edge.export.tuning.database import database_path

    try:
        return database_path(target).read_bytes()
    except OSError:
        return b""


def _source_files() -> list[Path]:
    """All files of the export half, which is looked up without loading it, and the shared modules."""
    export = find_spec("tsm_edge.export")
    folders = [Path(folder) for folder in (export and export.submodule_search_locations) or ()]
    files = [
        file for folder in folders for file in folder.rglob("*") if file.suffix != ".pyc" and file.is_file()
    ]
    return sorted((*files, *Path(__file__).parent.glob("*.py")))


def _remove_old(directory: Path) -> None:
    newest_first = sorted(directory.glob("host-*"), key=lambda path: -path.stat().st_mtime)
    for path in newest_first[BUNDLES_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
