"""A phone on the other end of adb, which Android's platform tools and Debian's package `adb` bring."""

import re
import shutil
from pathlib import Path

from tsm_edge.errors import MissingDependencyError, RemoteError
from tsm_edge.runtime.remote.connection import Answer, Connection, last_line, run_local

__all__ = ["AdbConnection", "choose_device"]

# The one place on a stock phone that the shell may write to and run programs from.
FOLDER = "/data/local/tmp/tsm-edge"

_HINTS = {
    "unauthorized": "unlock it and allow USB debugging for this computer",
    "offline": "plug it out and in again",
    "no permissions": "on Linux: apt-get install android-sdk-platform-tools-common, then plug it in again",
}
# adb's own complaints, as opposed to those of the program there.
_LOST = re.compile(
    r"^(?:adb: )?error: (?:closed|device .*|no devices.*|protocol fault.*|.*device offline)", re.MULTILINE
)


class AdbConnection(Connection):
    """A phone with USB debugging.

    Raises:
        MissingDependencyError: There is no adb here.
        RemoteError: No phone, several of which none was named, or one that does not let us in.
    """

    way = "adb"
    folder = FOLDER

    def __init__(self, serial: str = "") -> None:
        adb = shutil.which("adb")
        if adb is None:
            raise MissingDependencyError(
                "--adb needs adb: apt-get install adb, or Android's platform tools on the PATH"
            )
        listed = run_local([adb, "devices"])
        if listed.code != 0:
            raise RemoteError(
                f"adb devices failed: {last_line(listed.stderr) or listed.code}; try adb by hand"
            )
        serial = choose_device(listed.stdout, serial)
        self.name = f"adb {serial}"
        self._command = [adb, "-s", serial]

    def run(self, script: str) -> Answer:
        """Run a script there; see `Connection.run`."""
        return self._checked(run_local([*self._command, "shell", "sh -s"], f"{script}\n".encode()))

    def send(self, file: Path, remote: str) -> None:
        """Copy a file; see `Connection.send`."""
        answer = self._checked(run_local([*self._command, "push", file, remote]))
        if answer.code != 0:
            reason = last_line(answer.stderr or answer.stdout)
            raise RemoteError(f"{self.name}: cannot write {remote}: {reason}; make room on the phone")

    def close(self) -> None:
        """Nothing is kept open."""

    def _checked(self, answer: Answer) -> Answer:
        lost = _LOST.search(answer.stderr)
        if answer.code != 0 and lost:
            raise RemoteError(
                f"lost the connection to {self.name}: {lost[0]}; nothing there is half written, plug it in and "
                "run it again"
            )
        return answer


def choose_device(listed: str, serial: str) -> str:
    """The phone to talk to.

    Args:
        listed: What `adb devices` printed: a line "SERIAL<tab>STATE" each.
        serial: The one that was asked for; empty takes the only one.

    Raises:
        RemoteError: There is none, several, or it does not let us in.
    """
    lines = [line.split("\t", 1) for line in listed.splitlines() if "\t" in line]
    states = {name.strip(): state.strip() for name, state in lines}
    if serial and serial not in states:
        here = ", ".join(states) or "none"
        raise RemoteError(f"no phone {serial} on adb (here: {here}); see `adb devices`")
    if not states:
        raise RemoteError("no phone on adb; plug it in and allow USB debugging in its developer options")
    ready = [name for name, state in states.items() if state == "device"]
    if not serial and len(ready) > 1:
        raise RemoteError(f"several phones on adb: {', '.join(ready)}; name one: --adb {ready[0]}")
    chosen = serial or (ready[0] if ready else next(iter(states)))
    state = states[chosen]
    if state != "device":
        hint = next((hint for start, hint in _HINTS.items() if state.startswith(start)), "see `adb devices`")
        raise RemoteError(f"phone {chosen} is {state}; {hint}")
    return chosen
