"""Which phone is talked to, and how."""

import pytest

from tsm_edge.errors import MissingDependencyError, RemoteError
from tsm_edge.runtime.remote.adb import AdbConnection, choose_device

HEAD = "List of devices attached\n"


@pytest.mark.parametrize(
    ("listed", "serial", "message"),
    [
        ("", "", "no phone on adb; plug it in and allow USB debugging"),
        ("a\tdevice\nb\tdevice\n", "", "several phones on adb: a, b; name one: --adb a"),
        ("a\tunauthorized\n", "", "phone a is unauthorized; unlock it and allow"),
        ("a\toffline\n", "a", "phone a is offline; plug it out"),
        (
            "a\tno permissions (missing udev rules?); see [http://x]\n",
            "",
            "a is no permissions .* apt-get install",
        ),
        ("a\trecovery\n", "", "phone a is recovery; see `adb devices`"),
        ("a\tdevice\n", "b", "no phone b on adb \\(here: a\\)"),
    ],
)
def test_refusals(listed, serial, message):
    with pytest.raises(RemoteError, match=message):
        choose_device(HEAD + listed, serial)


@pytest.mark.parametrize(
    ("listed", "serial", "chosen"),
    [
        ("a\tdevice\n\n", "", "a"),
        ("a\tdevice\nb\tdevice\n", "b", "b"),
        ("a\tunauthorized\nb\tdevice\n", "", "b"),
        ("192.168.1.7:5555\tdevice\n", "", "192.168.1.7:5555"),
    ],
)
def test_choices(listed, serial, chosen):
    assert choose_device(HEAD + listed, serial) == chosen


def test_a_script_runs_there_and_says_how_it_ended(phone):
    with AdbConnection() as connection:
        assert connection.name == "adb ce0717170d"
        assert connection.ask("cd /data/local/tmp && pwd && uname -m") == "/data/local/tmp\naarch64\n"
        assert connection.run("exit 7").code == 7
    assert phone.calls() == ["devices", *["-s ce0717170d shell sh -s"] * 2]


def test_a_file_is_pushed(phone, tmp_path):
    (tmp_path / "file").write_bytes(b"\r\n\0")
    with AdbConnection("ce0717170d") as connection:
        connection.send(tmp_path / "file", "/data/local/tmp/there")
        with pytest.raises(RemoteError, match="cannot write /data/local/tmp/a/b: adb: error: failed to copy"):
            connection.send(tmp_path / "file", "/data/local/tmp/a/b")
    assert (phone.state / "data" / "there").read_bytes() == b"\r\n\0"


def test_a_phone_that_was_unplugged(phone):
    with AdbConnection() as connection:
        phone.show()
        with pytest.raises(
            RemoteError, match="lost the connection to adb ce0717170d: error: device 'ce0717170d'"
        ):
            connection.run("echo")


def test_no_adb_here(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="apt-get install adb"):
        AdbConnection()
