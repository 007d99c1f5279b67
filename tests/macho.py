"""Reads what matters of Mach-O objects in an archive: <mach-o/loader.h>, <mach-o/nlist.h> and <ar.h>, 64 bit."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC, ARM64, OBJECT = 0xFEEDFACF, 0x0100000C, 1
SYMTAB, BUILD_VERSION = 0x2, 0x32
PLATFORMS = {1: "macos", 2: "ios"}
# Of a symbol's type: in no section, visible outside, outside of this image.
N_TYPE, N_EXT = 0x0E, 0x01


@dataclass(frozen=True)
class MachObject:
    """One object file."""

    cpu: str
    filetype: str
    platform: str
    least_version: tuple[int, int]
    defined: frozenset[str]
    undefined: frozenset[str]


def mach_objects(archive: Path) -> dict[str, MachObject]:
    """The objects of a static library, by name."""
    return {name: _read(content) for name, content in _members(archive.read_bytes())}


def global_names(archive: Path) -> tuple[set[str], set[str]]:
    """Names that the library's objects define for others, and those that they ask for."""
    objects = mach_objects(archive).values()
    return {n for o in objects for n in o.defined}, {n for o in objects for n in o.undefined}


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    assert content[:8] == b"!<arch>\n"
    position = 8
    while position < len(content):
        header = content[position : position + 60]
        name, size = header[:16].decode().strip(), int(header[48:58])
        body = content[position + 60 : position + 60 + size]
        if name.startswith("#1/"):  # BSD: the name stands before the content
            length = int(name[3:])
            name, body = body[:length].rstrip(b"\0").decode(), body[length:]
        if not name.startswith("__.SYMDEF"):
            yield name, body
        position += 60 + size + size % 2


def _read(content: bytes) -> MachObject:
    magic, cpu, _, filetype, num_commands = struct.unpack_from("<5I", content)
    assert magic == MAGIC
    platform, version, defined, undefined = "", (0, 0), set(), set()
    position = 32
    for _ in range(num_commands):
        command, size = struct.unpack_from("<2I", content, position)
        if command == BUILD_VERSION:
            number, least = struct.unpack_from("<2I", content, position + 8)
            platform, version = PLATFORMS.get(number, str(number)), (least >> 16, least >> 8 & 0xFF)
        if command == SYMTAB:
            defined, undefined = _symbols(content, *struct.unpack_from("<4I", content, position + 8))
        position += size
    kinds = {ARM64: "arm64"}.get(cpu, hex(cpu)), {OBJECT: "object"}.get(filetype, str(filetype))
    return MachObject(*kinds, platform, version, frozenset(defined), frozenset(undefined))


def _symbols(content: bytes, start: int, count: int, strings: int, _: int) -> tuple[set[str], set[str]]:
    defined, undefined = set(), set()
    for index in range(count):
        name_at, kind, section, _, _ = struct.unpack_from("<IBBHQ", content, start + 16 * index)
        name = content[strings + name_at : content.index(b"\0", strings + name_at)].decode()
        if kind & N_EXT:
            (defined if kind & N_TYPE or section else undefined).add(name)
    return defined, undefined
