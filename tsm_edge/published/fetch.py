"""From a name to a checked file in the user's cache."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tsm_edge.errors import CheckpointError, FetchError, UsageError
from tsm_edge.locks import directory_locked
from tsm_edge.published.download import Download, MirrorError, Progress, http_client
from tsm_edge.published.store import Identity, checkpoint_directory, fetched_path, identify, keep
from tsm_edge.published.table import PublishedCheckpoint

if TYPE_CHECKING:
    import httpx

__all__ = ["fetch"]


def fetch(
    entry: PublishedCheckpoint,
    *,
    urls: Sequence[str] = (),
    sha256: str = "",
    unverified: bool = False,
    directory: Path | None = None,
    client: "httpx.Client | None" = None,
    on_progress: Progress = lambda done, total: None,
    announce: Callable[[str], None] = lambda _: None,
) -> Path:
    """Download a published checkpoint unless the cache has it, compare it with what is known of it, and keep it.

    Args:
        entry: One of `PUBLISHED`.
        urls: Mirrors to ask before the published ones.
        sha256: What the content must be, where the entry does not say.
        unverified: Take what a mirror sends where nothing is known of the content.
        directory: Where checkpoints are kept instead of the user's cache.
        client: Asks the mirrors and is closed then; by default one that gives up on silence after 30 s.
        on_progress: Called with bytes so far and all bytes, 0 while nobody said how many.
        announce: Told, in a few words, what is being done.

    Returns:
        The file in the cache.

    Raises:
        UsageError: Nothing is known of the content and none of the two is given, or a malformed hash.
        FetchError: No mirror gave it.
        OutputError: The cache cannot be written.
        MissingDependencyError: httpx is not installed.
    """
    expected = _expected(entry, sha256, unverified)
    directory = directory or checkpoint_directory()
    with directory_locked(directory, lambda: announce("waiting for another process that downloads")):
        try:
            path = fetched_path(entry, directory)
            if not expected.differs_from(identify(path)):
                return path
        except CheckpointError:
            pass
        part = directory / "partial" / entry.file_name
        with client or http_client() as opened:
            download = Download(opened, part, expected.is_known, on_progress)
            found = _from_some_mirror(entry, (*urls, *entry.urls), download, expected, announce)
        path = keep(part, found, entry, directory)
        download.forget()
    return path


def _expected(entry: PublishedCheckpoint, sha256: str, unverified: bool) -> Identity:
    if sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UsageError(f"{sha256!r} is no SHA-256; give 64 hexadecimal digits")
    if not entry.is_known and not sha256 and not unverified:
        raise UsageError(
            f"nothing is known here of the content of {entry.file_name}; give --sha256 if you know what it must be, "
            "or --unverified to take what a mirror sends"
        )
    return Identity(entry.git_blob, entry.sha256 or sha256.lower())


def _from_some_mirror(
    entry: PublishedCheckpoint,
    urls: Sequence[str],
    download: Download,
    expected: Identity,
    announce: Callable[[str], None],
) -> Identity:
    """Have the checked content in the download's part, and say what it is."""
    problems = []
    for url in urls:
        host = urlsplit(url).netloc or url
        announce(f"asking {host}")
        try:
            return _from_mirror(url, download, expected)
        except MirrorError as error:
            problems.append((host, error))
    if all(error.is_unreachable for _, error in problems):
        hosts = ", ".join(dict.fromkeys(host for host, _ in problems))
        raise FetchError(
            f"cannot fetch {entry.name}: no connection to {hosts}; is there a network?"
        ) from problems[0][1]
    said = "; ".join(f"{host} {error}" for host, error in problems)
    raise FetchError(
        f"cannot fetch {entry.name}: {said}; try again, which goes on where it broke off, or name a mirror with --url"
    ) from problems[-1][1]


def _from_mirror(url: str, download: Download, expected: Identity) -> Identity:
    while True:
        resumed = download.run(url)
        found = identify(download.part)
        if _is_checkpoint(download.part) and not expected.differs_from(found):
            return found
        download.forget()
        if not resumed:
            raise MirrorError(f"sent something else (SHA-256 {found.sha256})")


def _is_checkpoint(path: Path) -> bool:
    """Whether it begins as what torch saves: a zip archive, or a pickle in the old format."""
    with path.open("rb") as file:
        return file.read(4).startswith((b"PK\x03\x04", b"\x80\x02"))
