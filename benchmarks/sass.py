"""What an NVIDIA GPU executes of a kernel: its machine code, disassembled, and how often each part runs."""

import importlib.util
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tsm_edge.errors import MissingDependencyError, TsmEdgeError

__all__ = ["Code", "disassemble", "executed", "multiply_add_share", "nvdisasm_version", "turns_of"]

SECTION = re.compile(r"\s*\.section\s+\.text\.(\w+)")
LABEL = re.compile(r"\s*(\.L_\w+):")
INSTRUCTION = re.compile(
    r"\s*/\*[0-9a-f]+\*/\s+\{?\s*(?:@!?\w+\s+)?(?P<name>[A-Z]\w*)[\w.]*(?P<rest>[^;}]*)[;}]"
)
TARGET = re.compile(r"\.L_\w+")
MULTIPLY_ADD = frozenset({"FFMA", "HFMA2"})
# Results a clock of one multiprocessor, CUDA C Programming Guide 10.2, arithmetic instructions, 5.x: 128 where nothing
# is said here. A warp takes the scheduler 128 / results turns.
HALF_RATE = frozenset(
    {"SHL", "SHR", "SHF", "BFE", "BFI", "LEA", "ISCADD", "ISETP", "FSETP", "FMNMX", "IMNMX"}
)
QUARTER_RATE = frozenset({"F2F", "F2I", "I2F", "I2I", "MUFU", "S2R"})
# Padding and what says where branches meet: no execution unit has to do with them.
FREE = frozenset({"NOP"})
PACKAGE = "triton==3.1.0"


@dataclass
class Code:
    """One kernel.

    Attributes:
        instructions: Names without their suffixes, in order.
        loops: First and last instruction of each stretch that a backward branch repeats.
    """

    instructions: list[str] = field(default_factory=list)
    loops: list[tuple[int, int]] = field(default_factory=list)


def disassemble(cubin: Path) -> dict[str, Code]:
    """Every kernel of `cubin`, by name.

    Raises:
        MissingDependencyError: There is no nvdisasm.
        TsmEdgeError: It refused.
    """
    done = subprocess.run([_nvdisasm(), "-c", cubin], capture_output=True, text=True, check=False)
    if done.returncode:
        raise TsmEdgeError(f"nvdisasm refuses {cubin}: {(done.stderr or 'no message').strip()}")
    return _parse(done.stdout)


def _parse(text: str) -> dict[str, Code]:
    kernels: dict[str, Code] = {}
    labels: dict[str, int] = {}
    code = Code()
    for line in text.splitlines():
        if section := SECTION.match(line):
            code = kernels.setdefault(section[1], Code())
            labels = {}
        elif label := LABEL.match(line):
            labels[label[1]] = len(code.instructions)
        elif found := INSTRUCTION.match(line):
            target = TARGET.search(found["rest"])
            if found["name"] == "BRA" and target and target[0] in labels:
                code.loops.append((labels[target[0]], len(code.instructions)))
            code.instructions.append(found["name"])
    # Behind its end every kernel has a branch to itself.
    for each in kernels.values():
        each.loops = [(first, last) for first, last in each.loops if first < last]
    return kernels


def executed(code: Code, turns: int, multiply_adds: int, deals: int = 1) -> Counter[str]:
    """Instructions of one thread by name, if it takes every stretch: both sides of a branch count.

    Args:
        code: The kernel.
        turns: How often the source's longest loop runs.
        multiply_adds: In the body of the source's innermost loop, by which unrolling is told; 0 where there is none.
        deals: How often that loop runs in each turn of the longest one.
    """
    total = Counter(code.instructions)
    inner, outer = _inner_and_outer(code, turns, deals)
    once = _body(code, inner)
    unrolled = max(1, round(_multiply_adds(once) / multiply_adds)) if multiply_adds and inner else 1
    rounds = turns if outer or not inner else 1
    inner_runs = turns * deals if inner else 1
    inner_runs = max(inner_runs // unrolled, 1)
    for name, count in _body(code, outer).items():
        total[name] += (rounds - 1) * count
    for name, count in once.items():
        # It is part of the outer loop, which has counted it once a turn.
        total[name] += (inner_runs - (rounds if outer else 1)) * count
    return total


def _inner_and_outer(
    code: Code, turns: int, deals: int
) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """The loop that multiplies and adds, and the one around it; None where there is none."""
    loops = sorted(code.loops, key=lambda loop: loop[1] - loop[0])
    working = [loop for loop in loops if _multiply_adds(_body(code, loop))] or loops
    if not working or turns * deals <= 1:
        return None, None
    inner = working[0]
    around = [loop for loop in working[1:] if loop[0] <= inner[0] and inner[1] <= loop[1]]
    return inner, around[0] if around else None


def _body(code: Code, loop: tuple[int, int] | None) -> Counter[str]:
    return Counter(code.instructions[loop[0] : loop[1] + 1]) if loop else Counter()


def _multiply_adds(counts: Counter[str]) -> int:
    return sum(counts[name] for name in MULTIPLY_ADD)


def turns_of(counts: Counter[str]) -> float:
    """What the instructions cost a scheduler, one at full rate being 1."""
    weights = {**dict.fromkeys(HALF_RATE, 2), **dict.fromkeys(QUARTER_RATE, 4), **dict.fromkeys(FREE, 0)}
    return sum(weights.get(name, 1) * count for name, count in counts.items())


def multiply_add_share(counts: Counter[str]) -> float:
    """Share of the turns that multiply and add, 0 to 1."""
    return _multiply_adds(counts) / turns_of(counts)


def nvdisasm_version() -> str:
    """Such as "12.4.99".

    Raises:
        MissingDependencyError: There is no nvdisasm.
    """
    said = subprocess.run([_nvdisasm(), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"V(\d+[\d.]*)", said)
    return found[1] if found else ""


def _nvdisasm() -> str:
    """From PATH or from the package of pip's that still has one for Maxwell."""
    places: Sequence[str] = ()
    if found := importlib.util.find_spec("triton"):
        places = list(found.submodule_search_locations or ())
    for place in places:
        tool = Path(place) / "backends" / "nvidia" / "bin" / "nvdisasm"
        if tool.exists():
            tool.chmod(0o755)
            return str(tool)
    if tool_on_path := shutil.which("nvdisasm"):
        return tool_on_path
    raise MissingDependencyError(
        f"there is no nvdisasm; CUDA 12 brings one, and so does: pip install --no-deps {PACKAGE}"
    )
