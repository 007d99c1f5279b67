"""Replaying a fresh bundle's golden stream with its own tsm-run: here, or under emulation, before it is handed out."""

import shutil
import subprocess
from pathlib import Path

import msgspec

from tsm_edge.bundle import RUN_TOOL
from tsm_edge.errors import CompileError
from tsm_edge.manifest import Verification
from tsm_edge.targets import TargetSpec, missing_here

__all__ = ["replay_golden_stream"]

# "max" has every extension that qemu knows, so that it runs code for any ARMv8 processor.
EMULATORS = {"aarch64": ("qemu-aarch64", "-cpu", "max")}
TIMEOUT_S = 300
# An emulator computes a multiply-add bit by bit: seconds a frame. Two show that the state passes on.
EMULATED_FRAMES = 2


class _Outcome(msgspec.Struct):
    """What `tsm-run --json` prints; an error that is no number is null."""

    frames: int
    relative_error: float | None


def replay_golden_stream(directory: Path, target: TargetSpec) -> Verification:
    """Replay the golden stream in `directory`, if this machine or an emulator can run code for `target`.

    Raises:
        CompileError: The compiled network answers differently from ONNX Runtime, or crashes.
    """
    command, method = _how_to_run(target)
    if command is None:
        return Verification(method=method)
    # One thread: the bits are the same, and emulated threads that wait for each other crawl.
    arguments = [*command, str(directory / RUN_TOOL), str(directory), "--threads", "1", "--json"]
    if command:
        arguments += ["--frames", str(EMULATED_FRAMES)]
    outcome, is_equal = _replay(arguments, f"the bundle for {target.name} does not run ({method})")
    if not is_equal:
        error = "NaN" if outcome.relative_error is None else f"{outcome.relative_error:.1e}"
        raise CompileError(
            f"the bundle for {target.name} differs from ONNX Runtime by {error} of the largest logit "
            f"({method}); this is a fault of tsm-edge, please report it"
        )
    return Verification(method=method, num_frames=outcome.frames, max_relative_error=outcome.relative_error)


def _replay(arguments: list[str], complaint: str) -> tuple[_Outcome, bool]:
    """What the tool found, and whether it found the stream equal."""
    try:
        result = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise CompileError(f"{complaint}: {error}") from error
    try:
        return msgspec.json.decode(result.stdout, type=_Outcome), result.returncode == 0
    except msgspec.MsgspecError as error:
        said = result.stderr.strip() or f"exit status {result.returncode}, no outcome"
        raise CompileError(f"{complaint}: {said}") from error


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
