import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_network import small_network

import tsm_edge.export
from tsm_edge.bundle import Bundle
from tsm_edge.cli import compile as compile_command
from tsm_edge.cli import tune
from tsm_edge.cli.main import main
from tsm_edge.export.tuning.database import database_path, read_database
from tsm_edge.targets import host_target


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """An empty folder, and a user who never tuned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def small(monkeypatch, in_folder):
    """Commands take the small network instead of a named one, in this process; returns what was printed."""
    network = small_network()
    monkeypatch.setattr(tsm_edge.export, "open_model", lambda *_: network, raising=False)

    def run(command, *arguments):
        done = CliRunner().invoke(command, ["--target", "host", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def pretend_a_gain(path: Path) -> None:
    """As if another tile had won: which one does on this machine is not known."""
    document = json.loads(path.read_text())
    for layer in document["layers"]:
        layer["choices"][0]["tile_pixels"] = 3
    path.write_text(json.dumps(document))


def test_what_was_tuned_is_shown_kept_and_compiled(small):
    shown = small(tune.command, "--trials", "6")
    database = database_path(host_target())
    kept = read_database(database)
    assert sum(layer.trials for layer in kept) == 6
    assert "measured 6 other tiles on " in shown
    assert str(database) in shown.replace("\n", "")
    assert f"of {len(kept)} layers gain" in shown

    pretend_a_gain(database)
    shown = small(compile_command.command, "--output", "tuned")
    kernels = Bundle.open("tuned").manifest.kernels
    tuned = [kernel for kernel in kernels if kernel.tuned]
    assert tuned
    assert all(kernel.tuned.tiles[0].startswith("3x") for kernel in tuned)
    assert re.search(
        rf"^tuned    {len(tuned)} of {len(kernels)} kernels, measured on [^;]+$", shown, re.MULTILINE
    )
    assert "tuned 3x" in shown

    small(compile_command.command, "--output", "plain", "--no-tuning")
    assert not any(kernel.tuned for kernel in Bundle.open("plain").manifest.kernels)


def test_bundle_is_tuned_into_a_file_of_its_own(compiled_path, in_folder):
    arguments = [str(compiled_path), "--target", "host", "--trials", "2", "--database", "own.json", "--json"]
    done = CliRunner().invoke(tune.command, arguments, catch_exceptions=False)
    report = json.loads(done.stdout)
    assert [layer["trials"] for layer in report["layers"]] == [1, 1]
    assert report["database"] == "own.json"
    assert len(read_database(Path("own.json"))) == 2
    assert not database_path(host_target()).exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["tune"], 2, "Missing option '--target'"),
        (["tune", "--target", "jetson"], 2, "unknown target 'jetson'"),
        (["tune", "vgg", "--target", "host"], 2, "unknown model 'vgg'"),
        (["tune", ".", "--target", "host"], 1, "is not a bundle"),
        (["tune", "--target", "host", "--trials", "0"], 2, "0 is not in the range x>=1"),
        (["tune", "--target", "host", "--tracker", "here:9190"], 2, "give both or neither"),
        (["tune", "--target", "host", "--key", "board"], 2, "give both or neither"),
        (["tune", "--target", "host", "--tracker", "here", "--key", "k"], 2, "give HOST:PORT"),
        (["tune", "--target", "jetson-nano"], 1, "this machine cannot run code for jetson-nano"),
        (["tune", "--target", "host", "--database", "broken.json"], 1, "broken.json is broken"),
        (["compile", "--target", "host", "--database", "broken.json"], 1, "or compile without tuning"),
    ],
    ids=str,
)
def test_errors_are_one_line(monkeypatch, in_folder, capsys, arguments, code, said):
    small = small_network()
    opened = tsm_edge.export.open_model
    monkeypatch.setattr(
        tsm_edge.export,
        "open_model",
        lambda name, *rest: opened(name, *rest) if name else small,
        raising=False,
    )
    Path("broken.json").write_text("{")
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    printed = capsys.readouterr()
    assert caught.value.code == code
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert printed.out == ""
    assert [path.name for path in in_folder.iterdir()] == ["broken.json"]


STOPPED = """
import sys
sys.path.append({tests!r})
import tsm_edge.export
from small_network import small_network
from tsm_edge.cli.main import main
network = small_network()
tsm_edge.export.open_model = lambda *_: network
main(["tune", "--target", "host", "--trials", "20", "--database", "own.json"])
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle_it_keeps_what_it_has(in_folder, how):
    code = STOPPED.format(tests=str(Path(__file__).parents[1]))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as process:
        while process.poll() is None and not read_database(Path("own.json")):
            time.sleep(0.01)
        process.send_signal(how)
        assert process.wait() == (130 if how == signal.SIGINT else -signal.SIGKILL)
        if how == signal.SIGINT:
            assert process.stderr.read().split("\n")[-2] == "tsm-edge: interrupted; nothing was half written"
            assert "best tiles" in process.stdout.read()
    assert read_database(Path("own.json"))
