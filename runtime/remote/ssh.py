"""A machine behind OpenSSH: the system's ssh with the user's own keys and configuration, and nothing else.

One connection is kept for all that is asked, so that a password is typed once. Files go through `cat`, which any
shell has; neither scp nor sftp nor rsync need be there.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tsm_edge.errors import MissingDependencyError, RemoteError, UsageError
from tsm_edge.runtime.remote.connection import Answer, Connection, last_line, run_local

__all__ = ["SshAddress", "SshConnection", "parse_ssh_address"]

DEFAULT_FOLDER = "tsm-edge"
# A machine that was unplugged is given up after a quarter of a minute.
OPTIONS = (
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=5"),
    *("-o", "ServerAliveCountMax=3"),
    *("-o", "LogLevel=ERROR"),
    *("-o", "ControlPersist=no"),
    *("-o", "ClearAllForwardings=yes"),
)
POLL_S = 0.02
SSH_FAILED = 255  # ssh's own exit code, as opposed to that of the program there

# user@host[:folder]; an IPv6 address stands in brackets.
_PLAIN = re.compile(
    r"(?:(?P<user>[^@/\s]+)@)?(?P<host>\[[^\]\s]+\]|[^:/@\[\]\s]+)(?::(?P<folder>.*))?", re.DOTALL
)
_URL = re.compile(
    r"ssh://(?:(?P<user>[^@/\s]+)@)?(?P<host>\[[^\]\s]+\]|[^:/@\[\]\s]+)(?::(?P<port>\d{1,5}))?(?P<folder>/.*)?",
    re.DOTALL,
)

# What ssh says, and what to do about it.
_HINTS = (
    (r"Permission denied", "put your key there with ssh-copy-id"),
    (r"Host key verification failed", "connect once by hand and accept its key"),
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED", "if it was set up anew: ssh-keygen -R HOST"),
    (r"Could not resolve", "check the name"),
    (r"refused", "start its ssh server, or give the port as ssh://user@host:port"),
    (r"timed out|No route|unreachable", "check that it is on, and in this network"),
)


@dataclass(frozen=True)
class SshAddress:
    """Where a machine is.

    Attributes:
        destination: What ssh is given: user@host, or a name of its configuration.
        port: None leaves it to ssh's configuration.
        folder: Where bundles go; relative ones start at the home folder.
    """

    destination: str
    port: int | None
    folder: str


def parse_ssh_address(address: str) -> SshAddress:
    """Read user@host[:folder] or ssh://user@host[:port][/folder]; ssh://host/~/folder starts at the home folder.

    Raises:
        UsageError: It is neither.
    """
    url = _URL.fullmatch(address)
    match = url or (None if "://" in address else _PLAIN.fullmatch(address))
    fields = match.groupdict() if match else {}
    host = (fields.get("host") or "").strip("[]")
    user = fields.get("user") or ""
    if (
        not match
        or host.startswith("-")
        or user.startswith("-")
        or not 0 < int(fields.get("port") or 22) < 65536
    ):
        raise UsageError(
            f"no ssh address: {address!r}; accepted are user@host, user@host:folder, user@[::1]:folder and "
            "ssh://user@host:port/folder"
        )
    folder = fields.get("folder") or DEFAULT_FOLDER
    folder = unquote(folder).removeprefix("/" if folder.startswith("/~") else "") if url else folder
    port = int(fields["port"]) if fields.get("port") else None
    folder = re.sub(r"^~(/|$)", "", folder) or "."
    return SshAddress(f"{user}@{host}" if user else host, port, folder)


class SshConnection(Connection):
    """A machine behind ssh.

    Raises:
        UsageError: The address is no address.
        MissingDependencyError: There is no ssh here.
        RemoteError: Nobody answers there, or it lets us not in.
    """

    way = "ssh"

    def __init__(self, address: str) -> None:
        self.address = parse_ssh_address(address)
        self.name, self.folder = self.address.destination, self.address.folder
        ssh = shutil.which("ssh")
        if ssh is None:
            raise MissingDependencyError(
                "--ssh needs OpenSSH's client: apt-get install openssh-client, or your system's package"
            )
        # Short: a socket's path has some hundred characters at most.
        self._files = Path(tempfile.mkdtemp(prefix="tsm-"))
        port = ["-p", str(self.address.port)] if self.address.port else []
        prompts = [] if sys.stdin.isatty() else ["-o", "BatchMode=yes"]
        self._command = [ssh, *OPTIONS, *prompts, *port, "-S", str(self._files / "control")]
        self._master: subprocess.Popen[bytes] | None = None
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def run(self, script: str) -> Answer:
        """Run a script there; see `Connection.run`."""
        return self._ask("LC_ALL=C sh -s", f"{script}\n".encode())

    def send(self, file: Path, remote: str) -> None:
        """Copy a file; see `Connection.send`."""
        answer = self._ask(f"LC_ALL=C sh -c {shlex.quote(f'cat > {shlex.quote(remote)}')}", file)
        if answer.code != 0:
            reason = last_line(answer.stderr) or f"exit code {answer.code}"
            raise RemoteError(
                f"{self.name}: cannot write {remote}: {reason}; make room or choose another folder"
            )

    def close(self) -> None:
        """End the connection."""
        if self._master is not None:
            self._master.terminate()
            self._master.wait()
            self._master = None
        shutil.rmtree(self._files, ignore_errors=True)

    def _connect(self) -> None:
        """Start the ssh that the others go through, and wait until it is let in."""
        said = self._files / "said"
        with said.open("wb") as errors:
            command = [*self._command, "-M", "-N", "--", self.address.destination]
            self._master = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors)
        while not (self._files / "control").exists():
            if self._master.poll() is not None:
                raise self._unreachable(said.read_text(errors="replace"))
            time.sleep(POLL_S)

    def _ask(self, command: str, stdin: bytes | Path) -> Answer:
        follow = ["-T", "-o", "ControlMaster=no", "--", self.address.destination]
        answer = run_local([*self._command, *follow, command], stdin)
        if answer.code == SSH_FAILED:
            reason = last_line(answer.stderr)
            raise RemoteError(
                f"lost the connection to {self.name}{f': {reason}' if reason else ''}; nothing there is half "
                "written, run it again"
            )
        return answer

    def _unreachable(self, said: str) -> RemoteError:
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, said)), "try ssh by hand")
        reason = last_line(said) or "ssh gave up"
        return RemoteError(f"cannot reach {self.name}: {reason.rstrip('.')}; {hint}")
