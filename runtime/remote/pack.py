"""A bundle as one file that installs itself: NAME.tar.gz with NAME/install.sh, NAME/SHA256SUMS and NAME/bundle/.

The same bundle gives the same bytes: names in order, no times, no owners. A file that lies in the bundle twice, as in
its module for Android Studio, is in the archive once, at the first of its places by name, and the installer makes the
others. The module is so whole in the unpacked archive as well.
"""

import gzip
import io
import shlex
import tarfile
from hashlib import sha256
from pathlib import Path

from tsm_edge.bundle import LITE, RUN_TOOL, Bundle
from tsm_edge.errors import UsageError
from tsm_edge.files import file_written_aside
from tsm_edge.manifest import MANIFEST_NAME

__all__ = ["pack_bundle"]

INSTALL_SCRIPT = "install.sh"
CHECKSUMS = "SHA256SUMS"
EXECUTABLES = frozenset({RUN_TOOL, LITE, INSTALL_SCRIPT})
KIBIBYTE = 1 << 10
# Room for the copy beside the one that it replaces is not asked for: it is moved away, not kept.
SPARE_KIB = 1 << 10


def pack_bundle(path: str | Path, output: Path | None = None) -> Path:
    """Write the bundle in `path` and its installer as one archive, and return the archive's path.

    Args:
        path: The bundle's folder; files that its manifest does not name are left out.
        output: The archive, replaced in one step; None writes NAME.tar.gz beside the bundle.

    Raises:
        BundleError: A file is missing or altered.
        UsageError: The bundle is for iOS, where nothing is installed but apps.
        OutputError: The archive cannot be written.
    """
    bundle = Bundle.open(path)
    bundle.check_files()
    if bundle.manifest.target.libc == "darwin":
        raise UsageError(
            f"{bundle.path} is for {bundle.manifest.target.name}: add its files to an app in Xcode"
        )
    folder = bundle.path.resolve()
    archive = output or folder.with_name(f"{folder.name}.tar.gz")
    files = {
        name: folder / name for name in (*bundle.manifest.files, MANIFEST_NAME) if name not in twins(bundle)
    }
    texts = {INSTALL_SCRIPT: install_script(bundle), CHECKSUMS: checksums(bundle)}
    with (
        file_written_aside(archive) as aside,
        aside.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as compressed,  # no name: it would be the temporary one
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name in sorted(texts):
            _add(tar, f"{folder.name}/{name}", texts[name].encode())
        for name in sorted(files):
            _add(tar, f"{folder.name}/bundle/{name}", files[name].read_bytes())
    return archive


def twins(bundle: Bundle) -> dict[str, str]:
    """Files whose content another one has that comes before them by name, and that other one."""
    first: dict[str, str] = {}
    files = sorted((name, record.sha256) for name, record in bundle.manifest.files.items())
    return {name: first[content] for name, content in files if first.setdefault(content, name) != name}


def install_script(bundle: Bundle) -> str:
    """The installer: what it must know of this bundle as variables, before the part that is the same for all."""
    target = bundle.manifest.target
    records = bundle.manifest.files.values()
    facts = {
        "name": bundle.path.resolve().name,
        "target": target.name,
        "architecture": target.architecture,
        "system": "Android" if target.libc == "bionic" else "Linux",
        "need_kib": str(sum(record.size_bytes // KIBIBYTE + 1 for record in records) + SPARE_KIB),
        "twins": "\n".join(f"{there}\t{name}" for name, there in twins(bundle).items()),
    }
    first, _, rest = (Path(__file__).parent / INSTALL_SCRIPT).read_text("utf-8").partition("\n")
    return "\n".join((first, *(f"{key}={shlex.quote(value)}" for key, value in facts.items()), rest))


def checksums(bundle: Bundle) -> str:
    """Every file of the bundle as `sha256sum -c` reads it."""
    sums = {name: record.sha256 for name, record in bundle.manifest.files.items()}
    sums[MANIFEST_NAME] = sha256((bundle.path / MANIFEST_NAME).read_bytes()).hexdigest()
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o755 if Path(name).name in EXECUTABLES else 0o644
    tar.addfile(entry, io.BytesIO(content))
