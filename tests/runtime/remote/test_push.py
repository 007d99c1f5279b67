"""Bundles on their way to a real sshd on loopback, and to a phone's stand-in."""

import os
import re
import shutil

import pytest
from remote_machines import rewritten, write_program

from tsm_edge.bundle import GOLDEN_FRAMES, LIBRARY, RUN_TOOL, Bundle
from tsm_edge.errors import BundleError, BundleMismatchError, RemoteError
from tsm_edge.runtime.remote import AdbConnection, SshConnection, push_bundle
from tsm_edge.runtime.remote.connection import Connection


@pytest.fixture(params=["ssh", "adb"])
def there(request, tmp_path):
    """A connection, the folder that it ends in, and the bundle for it."""
    if request.param == "ssh":
        board = request.getfixturevalue("board")
        shutil.rmtree(board.home / "some place", ignore_errors=True)
        with SshConnection("board:some place") as connection:
            yield connection, board.home / "some place", request.getfixturevalue("bundle")
    else:
        phone = request.getfixturevalue("phone")
        with AdbConnection() as connection:
            yield connection, phone.state / "data" / "tsm-edge", request.getfixturevalue("for_phone")


class Cutting(Connection):
    """A connection that breaks at the n-th file."""

    way = "ssh"

    def __init__(self, connection, after):
        self.name, self.folder = connection.name, connection.folder
        self._connection, self._left = connection, after

    def run(self, script):
        if self._left < 0:
            raise RemoteError("lost the connection")
        return self._connection.run(script)

    def send(self, file, remote):
        self._left -= 1
        if self._left < 0:
            # As a cable does: in the middle of a file.
            half = file.with_name("half")
            half.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
            self._connection.send(half, remote)
            half.unlink()
            raise RemoteError("lost the connection")
        self._connection.send(file, remote)

    def close(self):
        pass


def test_everything_once_then_nothing_then_what_differs(there):
    connection, folder, bundle = there
    first = push_bundle(bundle, connection)
    pushed = Bundle.open(folder / bundle.path.name)
    assert pushed.check_files() == len(bundle.manifest.files)
    assert set(first.sent) == {*bundle.manifest.files, "manifest.json"}
    assert first.compared_with == "sha256sum"
    assert os.access(pushed.path / RUN_TOOL, os.X_OK)
    again = push_bundle(bundle, connection)
    assert (again.sent, again.sent_bytes, again.unchanged) == ((), 0, len(first.sent))
    (pushed.path / LIBRARY).write_bytes(b"altered there")
    (pushed.path / "foreign").write_text("of an older bundle")
    third = push_bundle(bundle, connection)
    assert third.sent == (LIBRARY,)
    assert pushed.check_files()
    assert [path.name for path in folder.iterdir()] == [bundle.path.name]
    assert not (pushed.path / "foreign").exists()


def test_a_file_that_is_there_twice_is_sent_once(there):
    connection, folder, bundle = there
    for name in ("twin", "more files/twin"):
        shutil.copyfile(bundle.path / LIBRARY, bundle.path / name)
    bundle = rewritten(bundle.path)
    report = push_bundle(bundle, connection)
    sent_twins = {LIBRARY, "twin", "more files/twin"} & set(report.sent)
    assert len(sent_twins) == 1
    pushed = Bundle.open(folder / bundle.path.name)
    assert pushed.check_files()
    (pushed.path / "twin").unlink()
    assert push_bundle(bundle, connection).sent == ()
    assert pushed.check_files()


def test_a_push_that_breaks_leaves_the_old_bundle_and_is_taken_up(there):
    connection, folder, bundle = there
    push_bundle(bundle, connection)
    old = (folder / bundle.path.name / LIBRARY).read_bytes()
    (folder / bundle.path.name / LIBRARY).write_bytes(b"older")
    (folder / bundle.path.name / GOLDEN_FRAMES).write_bytes(b"older")
    with pytest.raises(RemoteError, match="lost"):
        push_bundle(bundle, Cutting(connection, after=1))
    assert (folder / bundle.path.name / LIBRARY).read_bytes() == b"older"
    rest = push_bundle(bundle, connection)
    assert len(rest.sent) == 1
    assert (folder / bundle.path.name / LIBRARY).read_bytes() == old
    assert Bundle.open(folder / bundle.path.name).check_files()


def test_a_first_push_that_breaks_looks_like_no_bundle(there):
    connection, folder, bundle = there
    with pytest.raises(RemoteError, match="lost"):
        push_bundle(bundle, Cutting(connection, after=2))
    assert not (folder / bundle.path.name).exists()
    with pytest.raises(BundleError):
        Bundle.open(folder / f".{bundle.path.name}-incoming").check_files()


def test_a_file_that_arrives_altered_is_found(there, monkeypatch):
    connection, folder, bundle = there
    send = type(connection).send

    def altering(self, file, remote):
        if file.name == LIBRARY:
            file = write_program(file.with_name("altered"), "x" * file.stat().st_size)
        send(self, file, remote)

    monkeypatch.setattr(type(connection), "send", altering)
    with pytest.raises(RemoteError, match=f"{LIBRARY} arrived altered; push again"):
        push_bundle(bundle, connection)
    assert not (folder / bundle.path.name).exists()


def test_no_room_there(board, bundle):
    board.shim("df", "echo head; echo 'disk 100 90 10 90% /'")
    with SshConnection("board:too small") as connection:
        with pytest.raises(RemoteError, match=r"too small has 10 KiB free, \d+ are needed; make room"):
            push_bundle(bundle, connection)
    assert list((board.home / "too small").iterdir()) == []


def test_a_disk_that_fills_up(board, bundle):
    board.shim("df", "exit 1")
    board.shim("cat", "echo 'cat: write error: No space left on device' >&2; exit 1")
    with SshConnection("board:filling up") as connection:
        with pytest.raises(RemoteError, match="No space left on device; make room"):
            push_bundle(bundle, connection)
    assert list((board.home / "filling up").iterdir()) == []


@pytest.mark.parametrize(
    ("present", "used"), [(["sha1sum", "md5sum"], "sha1sum"), (["md5sum"], "md5sum"), ([], "")], ids=str
)
def test_machines_without_sha256sum(board, bundle, present, used):
    tools = [*present, "cat", "chmod", "df", "find", "ln", "mkdir", "mv", "rm", "sh", "tail", "uname", "wc"]
    for tool in tools:
        board.shim(tool, f'exec {shutil.which(tool, path="/usr/bin:/bin")} "$@"')
    with SshConnection("board:plain") as connection:
        plain = connection.run

        def run(script):
            return plain(f"PATH='{board.shims}'\n{script}")

        connection.run = run
        shutil.rmtree(board.home / "plain", ignore_errors=True)
        report = push_bundle(bundle, connection)
        assert report.compared_with == used
        assert Bundle.open(board.home / "plain" / bundle.path.name).check_files()
        assert len(push_bundle(bundle, connection).sent) == (0 if used else len(report.sent))


@pytest.mark.parametrize(
    ("shims", "message"),
    [
        ({"uname": "[ $1 = -m ] && echo armv7l || echo Linux"}, "is armv7l, Linux; compile one for it"),
        ({"getconf": "echo 32"}, "is a 32-bit system on"),
        ({"getprop": ""}, "Android; compile one for it"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_machine_gets_nothing(board, bundle, shims, message):
    for name, script in shims.items():
        board.shim(name, script)
    with SshConnection("board:fresh") as connection:
        with pytest.raises(BundleMismatchError, match=message):
            push_bundle(bundle, connection)
    assert list((board.home / "fresh").iterdir()) == []


def test_a_folder_that_cannot_be_made(board, bundle):
    (board.home / "file").write_text("")
    with SshConnection("board:file/below") as connection:
        with pytest.raises(RemoteError, match="Not a directory"):
            push_bundle(bundle, connection)


def test_an_altered_bundle_is_not_sent(board, bundle):
    size = (bundle.path / LIBRARY).stat().st_size
    (bundle.path / LIBRARY).write_bytes(b"x" * size)
    with SshConnection("board") as connection:
        with pytest.raises(BundleError, match="altered"):
            push_bundle(bundle, connection)


def test_what_a_phone_is_told(phone, for_phone):
    with AdbConnection() as connection:
        report = push_bundle(for_phone, connection)
    assert report.path == f"/data/local/tmp/tsm-edge/{for_phone.path.name}"
    kinds = [re.sub(r"^-s ce0717170d (\w+).*", r"\1", call) for call in phone.calls()]
    assert kinds == ["devices", "shell", "shell", *["push"] * len(report.sent), "shell", "shell"]
