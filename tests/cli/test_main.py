import json
import signal
import subprocess
import sys
import textwrap

import click
import pytest

from tsm_edge import __version__, errors
from tsm_edge.cli.main import cli, main

HEAVY = {"cv2", "matplotlib", "numpy", "onnx", "onnxruntime", "rich", "torch", "tvm"}


def run_in_a_child(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    ).stdout


HELP = [[], ["--help"], ["--version"], *([name, "--help"] for name in cli.commands)]


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_imports_nothing_heavy(arguments):
    shown = run_in_a_child(f"""
        import atexit, json, sys
        from tsm_edge.cli.main import main
        atexit.register(lambda: print("\\n", json.dumps([m.partition(".")[0] for m in sys.modules])))
        main({arguments!r})
    """)
    imported = set(json.loads(shown.splitlines()[-1]))
    assert "tsm_edge" in imported
    assert not imported & HEAVY


def test_package_alone_imports_neither_half():
    shown = run_in_a_child("""
        import sys
        import tsm_edge, tsm_edge.bundle, tsm_edge.files, tsm_edge.targets
        print([name for name in sys.modules if name.startswith(("tsm_edge.export", "tsm_edge.runtime"))])
    """)
    assert shown.strip() == "[]"


def test_help_names_every_command_with_its_sentence(tsm_edge):
    shown = tsm_edge("--help").stdout
    for name, command in cli.commands.items():
        assert name in shown
        assert (command.get_short_help_str() or "").strip(), f"{name} has no help"
    assert tsm_edge().stdout == shown


def test_version(tsm_edge):
    assert tsm_edge("--version").stdout.split()[-1] == __version__


@pytest.mark.parametrize("arguments", [["nonsense"], ["targets", "--nonsense"], ["targets", "a", "b"]])
def test_wrong_usage_is_one_line_and_exit_2(tsm_edge, arguments):
    done = tsm_edge(*arguments, code=2)
    assert done.stderr.startswith("tsm-edge: ")
    assert done.stderr.rstrip().endswith("--help`")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["-v", "targets", "x"], ["targets", "-v", "x"], ["targets", "x", "--verbose"]], ids=" ".join
)
def test_verbose_shows_the_traceback_wherever_it_stands(tsm_edge, arguments):
    lines = tsm_edge(*arguments, code=2).stderr.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("tsm-edge: unknown target 'x'")


@pytest.fixture
def failing_command(monkeypatch):
    """A command that raises what it is told to, for the time of one test."""

    def add(error: BaseException) -> None:
        @click.command("fail")
        def fail() -> None:
            raise error

        monkeypatch.setitem(cli.commands, "fail", fail)

    return add


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (errors.UsageError("wrong"), 2, "tsm-edge: wrong\n"),
        (errors.UnknownModelError("no such\n  model"), 2, "tsm-edge: no such model\n"),
        (errors.BundleError("broken"), 1, "tsm-edge: broken\n"),
        (errors.FrameError("grey"), 1, "tsm-edge: grey\n"),
        (KeyboardInterrupt(), 130, "\ntsm-edge: interrupted; nothing was half written\n"),
        (click.ClickException("Not this."), 1, "tsm-edge: Not this; see `tsm-edge --help`\n"),
    ],
)
def test_errors_become_one_line_and_a_code(failing_command, capsys, error, code, line):
    failing_command(error)
    with pytest.raises(SystemExit) as caught:
        main(["fail"])
    assert caught.value.code == code
    assert capsys.readouterr().err == line


def test_our_own_bugs_keep_their_traceback(failing_command):
    failing_command(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        main(["fail"])


def test_closed_pipe_is_no_error():
    command = [sys.executable, "-c", "from tsm_edge.cli.main import main; main(['targets', '--json'])"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_command_leaves_nothing_behind(tmp_path, how):
    code = """
        import time
        from pathlib import Path
        from tsm_edge.cli.main import cli, main
        from tsm_edge.files import file_written_aside

        @cli.command()
        def wait():
            with file_written_aside(Path("out.json")) as aside:
                aside.write_text("half")
                print("waiting", flush=True)
                while True:  # a signal just before one long wait would only be seen after it
                    time.sleep(0.01)

        main(["wait"])
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(how)
        assert process.wait() == 130
        assert process.stderr.read().strip() == "tsm-edge: interrupted; nothing was half written"
    assert list(tmp_path.iterdir()) == []
