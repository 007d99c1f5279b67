"""LLVM's simulator of a core's pipeline on stretches of A64 code, given as machine words.

llvm-mca repeats a stretch as if it were a loop's body and finds every load in the first cache: it knows ports and
latencies, no memory.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence

from tsm_edge.errors import MissingDependencyError, TsmEdgeError

__all__ = ["cycles_of", "disassembled", "fmla_per_cycle", "llvm_version"]

ITERATIONS = 100
TRIPLE = "aarch64"
# As many as there are registers left beside two inputs: more than any latency times any number of pipelines here.
INDEPENDENT_FMLA = "\n".join(f"fmla v{register}.4s, v30.4s, v31.4s" for register in range(30))


def llvm_version() -> str:
    """The number in "Debian LLVM version 14.0.6".

    Raises:
        MissingDependencyError: llvm-mca or llvm-mc is not installed.
    """
    said = _run("llvm-mca", ["--version"], "")
    found = re.search(r"LLVM version (\S+)", said)
    return found.group(1) if found else ""


def disassembled(words: Iterable[int]) -> dict[int, str]:
    """Assembly of each instruction word.

    Raises:
        MissingDependencyError: llvm-mc is not installed.
        TsmEdgeError: A word that is no instruction.
    """
    unique = sorted(set(words))
    hexadecimal = [" ".join(f"{byte:#04x}" for byte in word.to_bytes(4, "little")) for word in unique]
    said = _run("llvm-mc", ["--disassemble", f"--triple={TRIPLE}"], "\n".join(hexadecimal))
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.strip().startswith(".")]
    if len(lines) != len(unique):
        raise TsmEdgeError(f"llvm-mc knows {len(lines)} of {len(unique)} instructions; install a newer LLVM")
    return dict(zip(unique, lines, strict=True))


def cycles_of(stretches: Sequence[str], processor: str) -> list[float]:
    """Cycles of one repetition of each stretch of assembly on `processor`.

    Raises:
        MissingDependencyError: llvm-mca is not installed.
        TsmEdgeError: It refused.
    """
    regions = [
        f"# LLVM-MCA-BEGIN {index}\n{stretch}\n# LLVM-MCA-END {index}\n"
        for index, stretch in enumerate(stretches)
    ]
    options = [f"--mtriple={TRIPLE}", f"--mcpu={processor}", f"--iterations={ITERATIONS}", "--json"]
    report = json.loads(_run("llvm-mca", options, "".join(regions)))
    totals = {int(region["Name"]): region["SummaryView"]["TotalCycles"] for region in report["CodeRegions"]}
    return [totals[index] / ITERATIONS for index in range(len(stretches))]


def fmla_per_cycle(processor: str) -> float:
    """Vector multiply-adds a cycle of `processor`, where none waits for another."""
    # Each register waits for its own last round, which so many others cover.
    (cycles,) = cycles_of([INDEPENDENT_FMLA], processor)
    return len(INDEPENDENT_FMLA.splitlines()) / cycles


def _run(tool: str, options: Sequence[str], text: str) -> str:
    path = shutil.which(tool)
    if path is None:
        raise MissingDependencyError(f"{tool} is missing; on Debian: apt-get install llvm")
    done = subprocess.run([path, *options], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise TsmEdgeError(f"{tool} failed: {said[0] if said else 'it said nothing'}")
    return done.stdout
