"""What a program executes under qemu: instructions by class (insn_count.c), or the code itself (hot_code.c)."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tsm_edge.errors import CompileError, MissingDependencyError, TsmEdgeError
from tsm_edge.files import file_written_aside

__all__ = [
    "COUNTING",
    "HOT_CODE",
    "PROCESSOR",
    "Block",
    "built_plugin",
    "count_instructions",
    "emulator",
    "emulator_version",
    "executed_blocks",
]

# The Jetson Nano's. qemu models what it can execute, neither its caches nor its pipeline.
PROCESSOR = "cortex-a57"

FOLDER = Path(__file__).parent
COUNTING, HOT_CODE = FOLDER / "insn_count.c", FOLDER / "hot_code.c"
BUILD = FOLDER.parent / "build"


@dataclass(frozen=True)
class Block:
    """Straight code as qemu translated it.

    Attributes:
        function: Symbol that it belongs to, "?" for none.
        address: Of its first instruction.
        executions: How often it ran.
        words: Its instructions.
    """

    function: str
    address: int
    executions: int
    words: tuple[int, ...]


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


def built_plugin(folder: Path = BUILD, source: Path = COUNTING) -> Path:
    """The plugin `source`, compiled into `folder`.

    Raises:
        CompileError: The compiler refused.
        OutputError: The folder cannot be written.
    """
    path = folder / f"lib{source.stem}.so"
    with file_written_aside(path) as aside:
        command = [sys.executable, "-m", "ziglang", "cc", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared"]
        # qemu itself has the functions that the plugin calls.
        undefined = "-Wl,--allow-shlib-undefined,-z,undefs"
        done = subprocess.run([*command, undefined, source, "-o", aside], capture_output=True, text=True)
        if done.returncode != 0:
            raise CompileError(f"cannot compile {source.name}: {_last_line(done.stderr)}")
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
    rows = [line.split() for line in _plugin_output(command, plugin, emulator_options)]
    return {name: int(number) for name, number in rows}


def executed_blocks(command: Sequence[str | Path], plugin: Path) -> list[Block]:
    """Blocks of straight code that an AArch64 program with symbols and one thread executes; they may overlap.

    Raises:
        MissingDependencyError: No qemu with plugins.
        TsmEdgeError: The program failed.
    """
    rows = [line.split() for line in _plugin_output(command, plugin, ())]
    return [
        Block(function, int(address, 16), int(executions), tuple(int(word, 16) for word in words))
        for function, address, executions, *words in rows
    ]


def _plugin_output(command: Sequence[str | Path], plugin: Path, emulator_options: Sequence[str]) -> list[str]:
    with TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        options: list[str | Path] = ["-cpu", PROCESSOR, "-plugin", plugin, "-d", "plugin", "-D", output]
        done = subprocess.run(
            [emulator(), *options, *emulator_options, *command], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise TsmEdgeError(f"{command[0]} failed under qemu: {_last_line(done.stderr)}")
        return output.read_text().splitlines()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
