"""Counting a program's instructions under qemu, with the plugin insn_count.c."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tsm_edge.errors import CompileError, MissingDependencyError, TsmEdgeError
from tsm_edge.files import file_written_aside

__all__ = ["PROCESSOR", "built_plugin", "count_instructions", "emulator", "emulator_version"]

# The Jetson Nano's. qemu models what it can execute, neither its caches nor its pipeline.
PROCESSOR = "cortex-a57"

SOURCE = Path(__file__).parent / "insn_count.c"
BUILD = Path(__file__).parent.parent / "build"


def emulator() -> str:
    """Path of a qemu-aarch64 that loads plugins.

    Raises:
        MissingDependencyError: There is none.
    """
    path = shutil.which("qemu-aarch64")
    if path is None:
        raise MissingDependencyError("qemu-aarch64 is missing; on Debian: apt-get install qemu-user")
    if "-plugin" not in subprocess.run([path, "--help"], capture_output=True, text=True).stdout:
        raise MissingDependencyError(
            f"{path} loads no plugins; on Debian qemu-user does, qemu-user-static not"
        )
    return path


def emulator_version() -> str:
    """The number in "qemu-aarch64 version 7.2.22 (Debian ...)"."""
    said = subprocess.run([emulator(), "--version"], capture_output=True, text=True, check=True).stdout
    return said.partition("version ")[2].split()[0]


def built_plugin(folder: Path = BUILD) -> Path:
    """The plugin, compiled into `folder`.

    Raises:
        CompileError: The compiler refused.
        OutputError: The folder cannot be written.
    """
    path = folder / "libinsn_count.so"
    with file_written_aside(path) as aside:
        command = [sys.executable, "-m", "ziglang", "cc", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared"]
        # qemu itself has the functions that the plugin calls.
        undefined = "-Wl,--allow-shlib-undefined,-z,undefs"
        done = subprocess.run([*command, undefined, SOURCE, "-o", aside], capture_output=True, text=True)
        if done.returncode != 0:
            raise CompileError(f"cannot compile {SOURCE.name}: {_last_line(done.stderr)}")
    return path


def count_instructions(
    command: Sequence[str | Path], plugin: Path, emulator_options: Sequence[str] = ()
) -> dict[str, int]:
    """Instructions that an AArch64 program with one thread executes, by class.

    Args:
        command: The program and its arguments.
        plugin: As `built_plugin` made it.
        emulator_options: What qemu is told besides.

    Raises:
        MissingDependencyError: No qemu with plugins.
        TsmEdgeError: The program failed.
    """
    with TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        options: list[str | Path] = ["-cpu", PROCESSOR, "-plugin", plugin, "-d", "plugin", "-D", counts]
        done = subprocess.run(
            [emulator(), *options, *emulator_options, *command], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise TsmEdgeError(f"{command[0]} failed under qemu: {_last_line(done.stderr)}")
        rows = [line.split() for line in counts.read_text().splitlines()]
    return {name: int(number) for name, number in rows}


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
