"""Copying a bundle to another machine: only what differs, compared by checksum there, and never half of one.

    look     which machine is it, what lies there already, how much room is there
    prepare  a folder beside the bundle's place, with links to the files that stay
    send     the others, into that folder
    finish   every checksum again, then the folder takes the bundle's place

What a lost connection leaves in that folder is no bundle, and is used by the next push.
"""

import hashlib
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tsm_edge.bundle import LITE, RUN_TOOL, Bundle
from tsm_edge.errors import BundleMismatchError, RemoteError
from tsm_edge.manifest import MANIFEST_NAME
from tsm_edge.runtime.remote.connection import Connection
from tsm_edge.targets import TargetSpec

__all__ = ["PushReport", "push_bundle"]

# Android has had sha256sum since 8; before, it came with the other two.
CHECKSUM_TOOLS = ("sha256sum", "sha1sum", "md5sum")
KIBIBYTE = 1 << 10
SPARE_KIB = 1 << 10

_LOOK = """
cd "$HOME" 2>/dev/null
mkdir -p {folder} && cd {folder} || exit 1
echo "folder=$(pwd)"
echo "machine=$(uname -m)"
echo "bits=$(getconf LONG_BIT 2>/dev/null)"
echo "system=$(command -v getprop >/dev/null 2>&1 && echo Android || uname -s)"
echo "free_kib=$(df -Pk . 2>/dev/null | tail -n 1 | while read -r a b c free rest; do echo "$free"; done)"
tool=
for name in {tools}; do
  [ -n "$tool" ] || ! command -v $name >/dev/null 2>&1 || tool=$name
done
echo "tool=$tool"
for place in {place} {incoming}; do
  (cd "$place" 2>/dev/null && find . -type f 2>/dev/null | while read -r file; do
    if [ -n "$tool" ]; then sum=$($tool "$file"); else sum=$(wc -c < "$file"); fi
    echo "file=$place/${{file#./}}=${{sum%% *}}"
  done)
done
exit 0
"""

_FINISH = """
cd {folder} || exit 1
(cd {incoming} && for file in {executables}; do chmod 755 $file || exit 1; done) || exit 1
rm -rf {old} || exit 1
if [ -e {place} ]; then mv {place} {old} || exit 1; fi
mv {incoming} {place} || {{ mv {old} {place}; exit 1; }}
rm -rf {old}
"""


@dataclass(frozen=True, kw_only=True)
class PushReport:
    """What was copied.

    Attributes:
        machine: What messages call the other machine.
        path: The bundle's folder there.
        sent: Files that were copied, in order.
        sent_bytes: Their size.
        unchanged: How many were there already.
        compared_with: The program there that summed the files; empty where it has none of those that we know.
    """

    machine: str
    path: str
    sent: tuple[str, ...]
    sent_bytes: int
    unchanged: int
    compared_with: str


@dataclass(frozen=True)
class _Look:
    """What is there: facts by name, and checksums by place and file."""

    facts: dict[str, str]
    sums: dict[tuple[str, str], str]

    @classmethod
    def parse(cls, text: str, places: tuple[str, ...]) -> "_Look":
        facts, sums = {}, {}
        for line in text.splitlines():
            key, _, value = line.partition("=")
            if key != "file":
                facts[key] = value
                continue
            path, _, checksum = value.rpartition("=")
            place = next(place for place in places if path.startswith(f"{place}/"))
            sums[place, path[len(place) + 1 :]] = checksum
        return cls(facts, sums)


def push_bundle(
    bundle: Bundle, connection: Connection, announce: Callable[[str], None] = lambda _: None
) -> PushReport:
    """Copy what differs of a bundle to another machine and compare every checksum there.

    Args:
        bundle: What is copied; its own hashes are checked first.
        connection: Where to.
        announce: Told what happens next, in a few words.

    Raises:
        BundleError: A file of the bundle is missing or altered.
        BundleMismatchError: The machine has another processor or system.
        RemoteError: It has no room, the connection was lost, or a file arrived altered. What was there stays.
    """
    return _Push(bundle, connection, announce).push()


class _Push:
    def __init__(self, bundle: Bundle, connection: Connection, announce: Callable[[str], None]) -> None:
        bundle.check_files()
        self._connection = connection
        self._announce = announce
        self._target = bundle.manifest.target
        self._files = {name: bundle.path / name for name in (*bundle.manifest.files, MANIFEST_NAME)}
        name = bundle.path.resolve().name
        # With ./ before it no name is an option.
        self._place, self._incoming, self._old = f"./{name}", f"./.{name}-incoming", f"./.{name}-old"

    def push(self) -> PushReport:
        look = self._look()
        folder, tool = look.facts["folder"], look.facts["tool"]
        _check_machine(look.facts, self._target, self._connection.name)
        wanted = {name: _checksum(path, tool) for name, path in self._files.items()}
        stay, waiting = (self._equal(look, place, wanted) for place in (self._place, self._incoming))
        missing = [name for name in self._files if name not in stay | waiting]
        # A file that lies in the bundle twice, as in its module for Android Studio, goes over the wire once.
        once = {wanted[name]: name for name in (*reversed(missing), *stay, *waiting)} if tool else {}
        twins = {name: once.get(wanted[name], name) for name in missing}
        to_send = [name for name in missing if twins[name] == name]
        sent_bytes = sum(self._files[name].stat().st_size for name in to_send)
        if stay != self._files.keys():
            self._check_room(look.facts)
            self._prepare(look, stay, waiting)
            self._send(f"{folder}/{self._incoming}", to_send)
            self._double(folder, {name: twin for name, twin in twins.items() if twin != name})
            self._compare(wanted)
            self._finish(folder)
        return PushReport(
            machine=self._connection.name,
            path=f"{folder}/{self._place.removeprefix('./')}",
            sent=tuple(to_send),
            sent_bytes=sent_bytes,
            unchanged=len(self._files) - len(to_send),
            compared_with=tool,
        )

    def _look(self) -> _Look:
        script = _LOOK.format(
            folder=shlex.quote(self._connection.folder),
            tools=" ".join(CHECKSUM_TOOLS),
            place=shlex.quote(self._place),
            incoming=shlex.quote(self._incoming),
        )
        return _Look.parse(self._connection.ask(script), (self._place, self._incoming))

    def _equal(self, look: _Look, place: str, wanted: dict[str, str]) -> set[str]:
        """Files that need not be copied; without checksums all must."""
        if not look.facts["tool"]:
            return set()
        return {name for name, checksum in wanted.items() if look.sums.get((place, name)) == checksum}

    def _check_room(self, facts: dict[str, str]) -> None:
        """For the whole bundle beside the old one: where there are no links, nothing is shared."""
        size = sum(path.stat().st_size for path in self._files.values())
        need_kib, free_kib = size // KIBIBYTE + SPARE_KIB, facts["free_kib"]
        if free_kib.isdigit() and int(free_kib) < need_kib:
            raise RemoteError(
                f"{self._connection.name}: {facts['folder']} has {free_kib} KiB free, {need_kib} are needed; make room"
            )

    def _prepare(self, look: _Look, stay: set[str], waiting: set[str]) -> None:
        """The folder beside the bundle's place, with the files that stay and without what a lost push left."""
        place, incoming = shlex.quote(self._place), shlex.quote(self._incoming)
        lines = [f"cd {shlex.quote(look.facts['folder'])} && mkdir -p {incoming} || exit 1"]
        for parent in sorted({str(Path(file).parent) for file in self._files} - {"."}):
            lines.append(f"mkdir -p {incoming}/{shlex.quote(parent)} || exit 1")
        for where, file in look.sums:
            if where == self._incoming and file not in waiting:
                lines.append(f"rm -f {incoming}/{shlex.quote(file)} || exit 1")
        for file in map(shlex.quote, sorted(stay - waiting)):
            lines.append(_link(f"{place}/{file}", f"{incoming}/{file}"))
        self._connection.ask("\n".join(lines))

    def _send(self, incoming: str, names: list[str]) -> None:
        """Copy these files; what a full disk leaves is removed, what a lost connection leaves is no bundle."""
        try:
            for index, name in enumerate(names, start=1):
                size = self._files[name].stat().st_size / (1 << 20)
                self._announce(f"copying {name}, {size:.1f} MiB ({index} of {len(names)})")
                self._connection.send(self._files[name], f"{incoming}/{name}")
        except RemoteError:
            with suppress(RemoteError):
                self._connection.run(f"rm -rf {shlex.quote(incoming)}")
            raise

    def _double(self, folder: str, twins: dict[str, str]) -> None:
        """Make files there out of others with the same content."""
        incoming = shlex.quote(self._incoming)
        pairs = [(shlex.quote(twin), shlex.quote(name)) for name, twin in twins.items()]
        lines = [_link(f"{incoming}/{twin}", f"{incoming}/{name}") for twin, name in pairs]
        if lines:
            self._connection.ask("\n".join((f"cd {shlex.quote(folder)} || exit 1", *lines)))

    def _compare(self, wanted: dict[str, str]) -> None:
        sums = self._look().sums
        altered = [name for name, checksum in wanted.items() if sums.get((self._incoming, name)) != checksum]
        if altered:
            raise RemoteError(f"{self._connection.name}: {', '.join(altered)} arrived altered; push again")

    def _finish(self, folder: str) -> None:
        script = _FINISH.format(
            folder=shlex.quote(folder),
            executables=" ".join(name for name in (RUN_TOOL, LITE) if name in self._files),
            place=shlex.quote(self._place),
            incoming=shlex.quote(self._incoming),
            old=shlex.quote(self._old),
        )
        self._connection.ask(script)


def _link(old: str, new: str) -> str:
    """A line of shell: phones' rules forbid links, so that a copy must do there."""
    return f"rm -f {new}; ln {old} {new} 2>/dev/null || cp {old} {new} || exit 1"


def _check_machine(facts: dict[str, str], target: TargetSpec, name: str) -> None:
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(facts["machine"], facts["machine"])
    wanted = (target.architecture, {"gnu": "Linux", "bionic": "Android", "darwin": "iOS"}[target.libc])
    bits = "a 32-bit system on " if facts["bits"] == "32" else ""
    if (machine, facts["system"]) != wanted or bits:
        raise BundleMismatchError(
            f"the bundle was compiled for {target.name} ({wanted[0]}, {wanted[1]}), {name} is "
            f"{bits}{machine}, {facts['system']}; compile one for it, see `tsm-edge targets`"
        )


def _checksum(path: Path, tool: str) -> str:
    """What `tool` prints of a file; where the other machine has none, the size."""
    if not tool:
        return str(path.stat().st_size)
    digest = hashlib.new(tool.removesuffix("sum"))
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
