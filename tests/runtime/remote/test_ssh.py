"""Addresses, and what a real sshd on loopback makes of them."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from remote_machines import has_ipv6, write_program

from tsm_edge.errors import MissingDependencyError, RemoteError, UsageError
from tsm_edge.runtime.remote.ssh import SshAddress, SshConnection, parse_ssh_address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("board", SshAddress("board", None, "tsm-edge")),
        ("nano@10.0.0.2", SshAddress("nano@10.0.0.2", None, "tsm-edge")),
        ("nano@board:/opt/my models", SshAddress("nano@board", None, "/opt/my models")),
        ("nano@board:", SshAddress("nano@board", None, "tsm-edge")),
        ("nano@board:~/models", SshAddress("nano@board", None, "models")),
        ("nano@board:~", SshAddress("nano@board", None, ".")),
        ("nano@[fe80::1%eth0]:models", SshAddress("nano@fe80::1%eth0", None, "models")),
        ("[::1]", SshAddress("::1", None, "tsm-edge")),
        ("ssh://nano@board", SshAddress("nano@board", None, "tsm-edge")),
        ("ssh://nano@board:2222/opt/my%20models", SshAddress("nano@board", 2222, "/opt/my models")),
        ("ssh://board/~/models", SshAddress("board", None, "models")),
        ("ssh://[::1]:22/x", SshAddress("::1", 22, "/x")),
    ],
)
def test_addresses(address, expected):
    assert parse_ssh_address(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "nano@",
        "::1",
        "-oProxyCommand=x",
        "-l@host",
        "a b",
        "http://host/x",
        "ssh://",
        "ssh://h:0/",
        "ssh://h:99999/",
    ],
)
def test_what_is_no_address(address):
    with pytest.raises(UsageError, match="accepted are user@host"):
        parse_ssh_address(address)


@given(st.text(max_size=40))
def test_no_address_becomes_an_option(address):
    try:
        parsed = parse_ssh_address(address)
    except UsageError:
        return
    assert not parsed.destination.startswith("-")


def test_a_script_runs_there_and_says_how_it_ended(board):
    with SshConnection("board") as connection:
        assert connection.ask("echo $HOME") == f"{board.home}\n"
        answer = connection.run("echo out; echo 'an error' >&2; exit 7")
        assert (answer.code, answer.stdout, answer.stderr) == (7, "out\n", "an error\n")
        with pytest.raises(RemoteError, match="board: an error"):
            connection.ask("echo 'an error' >&2; exit 7")


def test_a_file_arrives_whole(board, tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(256)) * 1000)
    with SshConnection("board") as connection:
        connection.send(tmp_path / "file", f"{board.home}/it's $here")
    assert (board.home / "it's $here").read_bytes() == (tmp_path / "file").read_bytes()


def test_a_place_that_cannot_be_written(board, tmp_path):
    (tmp_path / "file").write_text("")
    with SshConnection("board") as connection:
        with pytest.raises(RemoteError, match=r"cannot write /nowhere/file: .*cannot create /nowhere/file"):
            connection.send(tmp_path / "file", "/nowhere/file")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        pytest.param("[::1]", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")),
    ],
)
def test_port_and_address_family(board, host):
    with SshConnection(f"ssh://{host}:{board.port}/opt") as connection:
        assert connection.ask("echo here") == "here\n"
        assert connection.folder == "/opt"


def test_a_connection_that_breaks(board):
    with SshConnection("board") as connection:
        with pytest.raises(RemoteError, match="lost the connection to board"):
            connection.run("kill -9 $PPID")


def test_nobody_listens(board):
    with pytest.raises(RemoteError, match=r"cannot reach 127.0.0.1: .*refused; start its ssh server"):
        SshConnection("ssh://127.0.0.1:1")


def test_key_that_is_not_known_there(board, tmp_path, monkeypatch):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    config = (
        (board.folder / "ssh_config_no").read_text().replace(f"{board.folder}/key\n", f"{tmp_path}/other\n")
    )
    (tmp_path / "config").write_text(config)
    ssh = write_program(tmp_path / "bin" / "ssh", f'#!/bin/sh\nexec {real_ssh()} -F {tmp_path}/config "$@"\n')
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    with pytest.raises(RemoteError, match=r"Permission denied .*; put your key there with ssh-copy-id"):
        SshConnection("board")


def test_machine_whose_key_is_not_known_here(board, tmp_path, monkeypatch):
    config = (board.folder / "ssh_config_yes").read_text().replace("known_hosts", "unknown_hosts")
    (tmp_path / "config").write_text(config)
    ssh = write_program(tmp_path / "bin" / "ssh", f'#!/bin/sh\nexec {real_ssh()} -F {tmp_path}/config "$@"\n')
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    with pytest.raises(RemoteError, match="Host key verification failed; connect once by hand"):
        SshConnection("board")


def test_no_ssh_here(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="apt-get install openssh-client"):
        SshConnection("board")


def real_ssh():
    return shutil.which("ssh", path="/usr/bin:/usr/local/bin:/bin")
