"""Replaying a fresh bundle's golden stream with its own tsm-run: here, or under emulation, before it is handed out."""

import shutil
import subprocess
from pathlib import Path

import msgspec

from tsm_edge.bundle import RUN_TOOL
from tsm_edge.errors import CompileError
from tsm_edge.manifest import Verification
from tsm_edge.targets import TargetSpec, missing_here

__all__ = ["is_emulated", "replay_golden_stream"]

# "max" has every extension that qemu knows, so that it runs code for any ARMv8 processor.
EMULATORS = {"aarch64": ("qemu-aarch64", "-cpu", "max")}
TIMEOUT_S = 300
# An emulator computes a multiply-add bit by bit: seconds a frame. Two show that the state passes on.
EMULATED_FRAMES = 2


class _Outcome(msgspec.Struct):
    """What `tsm-run --json` prints; an error that is no number is null."""

    frames: int
    relative_error: float | None
    compute: str


def is_emulated(target: TargetSpec) -> bool:
    """Whether code for `target` runs under an emulator here."""
    return bool(_how_to_run(target)[0])


def replay_golden_stream(directory: Path, target: TargetSpec, tool: Path | None = None) -> Verification:
    """Replay the golden stream in `directory`, if this machine or an emulator can run code for `target`.

    The processor's half and the GPU's are replayed each by itself, the latter where this machine has such a GPU.

    Args:
        directory: The bundle.
        target: Where it will run.
        tool: The `tsm-run` that replays it; None is the bundle's own.

    Raises:
        CompileError: The compiled network answers differently from ONNX Runtime, or crashes.
    """
    command, method = _how_to_run(target)
    gpu_method, gpu_error = _replay_on_gpu(directory, target, command) if target.gpu else ("", None)
    if command is None:
        return Verification(method=method, gpu_method=gpu_method)
    # One thread: the bits are the same, and emulated threads that wait for each other crawl.
    options = ["--device", "cpu", "--threads", "1", *(("--frames", str(EMULATED_FRAMES)) if command else ())]
    tried = _run_tool([*command, str(tool or directory / RUN_TOOL), str(directory), *options], target, method)
    if isinstance(tried, str):
        raise CompileError(f"the bundle for {target.name} does not run ({method}): {tried}")
    return Verification(
        method=method,
        num_frames=tried.frames,
        max_relative_error=tried.relative_error,
        gpu_method=gpu_method,
        gpu_max_relative_error=gpu_error,
    )


def _replay_on_gpu(
    directory: Path, target: TargetSpec, command: tuple[str, ...] | None
) -> tuple[str, float | None]:
    """The GPU's name and the error, or why it was not tried."""
    if command != ():
        return "not run: this machine cannot run code for the target", None
    tried = _run_tool([str(directory / RUN_TOOL), str(directory), "--device", "gpu"], target, "GPU")
    for compiled in directory.glob("kernels-*.cubin*"):  # this machine's own, which does not travel
        compiled.unlink()
    if isinstance(tried, str):
        reason = tried.removeprefix("tsm-run: ").removeprefix("the GPU cannot be used: ")
        return f"not run: {reason}", None
    return tried.compute.removeprefix("gpu "), tried.relative_error


def _run_tool(arguments: list[str], target: TargetSpec, method: str) -> _Outcome | str:
    """What the tool found, or why it found nothing.

    Raises:
        CompileError: It found another stream.
    """
    try:
        result = subprocess.run(
            [*arguments, "--json"], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return str(error)
    try:
        outcome = msgspec.json.decode(result.stdout, type=_Outcome)
    except msgspec.MsgspecError:
        return result.stderr.strip() or f"exit status {result.returncode}, no outcome"
    if result.returncode != 0:
        differs_by = "NaN" if outcome.relative_error is None else f"{outcome.relative_error:.1e}"
        raise CompileError(
            f"the bundle for {target.name} differs from ONNX Runtime by {differs_by} of the largest logit "
            f"({method}); this is a fault of tsm-edge, please report it"
        )
    return outcome


def _how_to_run(target: TargetSpec) -> tuple[tuple[str, ...] | None, str]:
    if not missing_here(target):
        return (), "native"
    if target.libc == "darwin":
        return None, "not run and not linked: that takes Xcode and an iPhone"
    emulator = EMULATORS.get(target.architecture)
    if emulator and shutil.which(emulator[0]):
        return emulator, f"{emulator[0]} (emulated)"
    return None, "not run: this machine cannot run code for the target" + (
        f"; install {emulator[0]} to emulate it" if emulator else ""
    )
