"""Machines to push to: a real sshd on loopback, and an adb that stands for a phone.

What the adb prints and accepts is what its real one does, as far as it is used; it runs what a phone would be told
in a folder of this machine, with a phone's own programs in front of the path.
"""

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tsm_edge.bundle import Bundle, record_files
from tsm_edge.manifest import read_manifest, write_manifest

__all__ = ["FakeAdb", "SshMachine", "fake_adb", "rewritten", "running_sshd", "sshd_missing"]

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
START_S = 10.0

SSHD_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
{ipv6}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv HOME={home} PATH={shims}:/usr/local/bin:/usr/bin:/bin {environment}
"""
SSH_CONFIG = """
IdentityFile {folder}/key
IdentitiesOnly yes
UserKnownHostsFile {folder}/known_hosts
StrictHostKeyChecking {strict}
Host board
  HostName 127.0.0.1
  Port {port}
"""

ADB = """#!{python}
import os, subprocess, sys
from pathlib import Path

state = Path({state!r})
with (state / "log").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
words, serial = sys.argv[1:], ""
if words[0] == "-s":
    serial, words = words[1], words[2:]
listed = (state / "devices").read_text()
if words[0] == "devices":
    sys.exit(print("List of devices attached\\n" + listed))
if f"{{serial}}\\tdevice" not in listed:
    sys.exit(f"error: device '{{serial}}' not found")
data = str(state / "data")
there = lambda text: text.replace("/data/local/tmp", data)
if words[0] == "push":
    try:
        Path(there(words[2])).write_bytes(Path(words[1]).read_bytes())
    except OSError as error:
        sys.exit(f"adb: error: failed to copy '{{words[1]}}' to '{{words[2]}}': remote {{error.strerror}}")
    sys.exit(print(f"{{words[1]}}: 1 file pushed, 0 skipped."))
environment = {{"PATH": f"{{state}}/bin:{{os.environ['PATH']}}"}}
script = there(sys.stdin.read())
(state / "scripts").write_text(script)
done = subprocess.run(["sh", "-c", words[1]], input=script, text=True, capture_output=True, env=environment)
sys.stdout.write(done.stdout.replace(data, "/data/local/tmp"))
sys.stderr.write(done.stderr.replace(data, "/data/local/tmp"))
sys.exit(done.returncode)
"""


def rewritten(path: Path, **fields) -> Bundle:
    """The bundle in `path` with a manifest that knows its files again, and with other fields."""
    manifest = read_manifest(path)
    (path / "manifest.json").unlink()
    write_manifest(dataclasses.replace(manifest, files=record_files(path), **fields), path)
    return Bundle.open(path)


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass(frozen=True)
class SshMachine:
    """A machine behind ssh, which is this one with another home folder and other programs in front.

    Attributes:
        folder: Keys and configurations.
        home: Its home folder.
        shims: Programs in front of its path.
        port: Where it listens, also as the host "board" of ssh's configuration.
        path: PATH with an ssh in front that knows the key.
    """

    folder: Path
    home: Path
    shims: Path
    port: int
    path: str

    def shim(self, name: str, script: str) -> None:
        write_program(self.shims / name, f"#!/bin/sh\n{script}\n")


def sshd_missing() -> str:
    """Why there can be no sshd here; empty if there can."""
    missing = [tool for tool in ("ssh", "ssh-keygen") if shutil.which(tool) is None]
    missing += [] if SSHD else ["sshd"]
    return (
        f"{', '.join(missing)} missing; on Debian: apt-get install openssh-server openssh-client"
        if missing
        else ""
    )


@contextmanager
def running_sshd(folder: Path, **environment: str) -> Iterator[SshMachine]:
    """An sshd on a free port of loopback until the block ends; keywords become variables of its sessions."""
    if sshd_missing():
        pytest.skip(sshd_missing())
    home, shims, programs = folder / "home of the board", folder / "shims", folder / "bin"
    for path in (home, shims):
        path.mkdir()
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = {
        "folder": folder,
        "port": port,
        "home": f'"{home}"',
        "shims": shims,
        "ipv6": "ListenAddress ::1" if has_ipv6() else "",
        "environment": " ".join(f'{name}="{value}"' for name, value in environment.items()),
    }
    # HOME has a space in it, so the word is quoted as a whole.
    config = SSHD_CONFIG.format(**names).replace(f'HOME="{home}"', f'"HOME={home}"')
    (folder / "sshd_config").write_text(config)
    for strict in ("no", "yes"):
        (folder / f"ssh_config_{strict}").write_text(SSH_CONFIG.format(strict=strict, **names))
    write_program(programs / "ssh", f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config_no "$@"\n')
    Path("/run/sshd").mkdir(exist_ok=True)  # where sshd as root locks its children in
    with (folder / "sshd.log").open("w") as log:
        daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    try:
        wait_for_port(port, daemon, folder / "sshd.log")
        yield SshMachine(folder, home, shims, port, f"{programs}:{os.environ['PATH']}")
    finally:
        daemon.terminate()
        daemon.wait()


def wait_for_port(port: int, daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and daemon.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.skip(f"sshd does not start here: {log.read_text().strip()}")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class FakeAdb:
    """A phone's stand-in.

    Attributes:
        state: Its folder: data/ is /data/local/tmp, bin/ has the phone's own programs, log every call.
        path: PATH with the adb in front.
    """

    state: Path
    path: str

    def show(self, *lines: str) -> None:
        """What `adb devices` shows from now on."""
        (self.state / "devices").write_text("".join(f"{line}\n" for line in lines))

    def program(self, name: str, script: str) -> None:
        """A program of the phone."""
        write_program(self.state / "bin" / name, f"#!/bin/sh\n{script}\n")

    def calls(self) -> list[str]:
        """Every call so far, the words joined."""
        return (self.state / "log").read_text().splitlines()


def fake_adb(folder: Path, properties: dict[str, str]) -> FakeAdb:
    """A phone with one serial and these properties."""
    state = folder / "phone"
    (state / "data").mkdir(parents=True)
    write_program(folder / "programs" / "adb", ADB.format(python=sys.executable, state=str(state)))
    adb = FakeAdb(state, f"{folder / 'programs'}:{os.environ['PATH']}")
    adb.show("ce0717170d\tdevice")
    adb.program("uname", "case $1 in -m) echo aarch64 ;; -r) echo 4.4.13-13196290 ;; *) echo Linux ;; esac")
    answers = json.dumps(properties)
    adb.program(
        "getprop", f"""exec {sys.executable} -c 'import sys; print({answers}.get(sys.argv[1], ""))' "$1" """
    )
    return adb
