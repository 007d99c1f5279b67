"""What docs/devices tells a reader to type, as far as it can be checked without the devices."""

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from tsm_edge.bundle import RUN_TOOL
from tsm_edge.cli.main import cli
from tsm_edge.export.lite.tsm_edge_lite import CSI_PIPELINE as LITE_PIPELINE
from tsm_edge.export.lite.tsm_edge_lite import command_line
from tsm_edge.runtime.capture.camera import CSI_PIPELINE
from tsm_edge.targets import TARGETS

ROOT = Path(__file__).parents[1]
TEXTS = {path.name: path.read_text() for path in sorted((ROOT / "docs" / "devices").glob("*.md"))}
SHELL = [
    (name, block) for name, text in TEXTS.items() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
]
LINES = sorted({line for _, block in SHELL for line in block.splitlines() if line.strip()})
INLINE = sorted({command for text in TEXTS.values() for command in re.findall(r"`(tsm-edge [^`]+)`", text)})


def words_after(program, lines):
    """The words of every call of `program` in these lines, without comments and what is piped on."""
    calls = []
    for line in lines:
        for call in re.findall(rf"(?:^|[ /|\"]){re.escape(program)}(?= |$|\")((?: [^|&;#]*)?)", line):
            calls.append(tuple(shlex.split(call.partition(" #")[0].rstrip(' "'))))
    return sorted(set(calls))


@pytest.mark.parametrize(("name", "block"), SHELL, ids=lambda value: value if value.endswith(".md") else "")
def test_blocks_are_shell(name, block):
    done = subprocess.run(["sh", "-n"], input=block, text=True, capture_output=True)
    assert done.stderr == ""


@pytest.mark.parametrize("words", words_after("tsm-edge", LINES), ids=" ".join)
def test_lines_of_tsm_edge_parse_in_full(words):
    command, arguments = cli, list(words)
    while isinstance(command, click.Group):
        command = command.commands[arguments.pop(0)]
    # Raises for an unknown option, a missing argument, or a value of the wrong kind.
    given = command.make_context("tsm-edge", arguments).params
    assert given.get("target") is None or given["target"] in TARGETS


@pytest.mark.parametrize("line", INLINE)
def test_commands_between_backticks_exist(line):
    command, words = cli, shlex.split(line)[1:]
    while isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("words", words_after("tsm_edge_lite.py", LINES), ids=" ".join)
def test_lines_of_the_lite_file_parse(words):
    command_line().parse_args(list(words))


@pytest.mark.parametrize("words", words_after("./tsm-run", LINES), ids=" ".join)
def test_lines_of_tsm_run_name_options_that_it_has(words, compiled_path):
    known = subprocess.run([compiled_path / RUN_TOOL, "--help"], capture_output=True, text=True)
    options = {"--help", *re.findall(r"--[a-z]+", known.stdout + known.stderr)}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_camera_s_pipeline_is_the_one_that_is_opened():
    assert CSI_PIPELINE.replace("{sensor}", "{}") == LITE_PIPELINE
    shown = next(line for line in LINES if "nvoverlaysink" in line).replace('"', "")
    opened = LITE_PIPELINE.format(0).partition(" ! video/x-raw, format=BGR !")[0]
    assert shown == f"gst-launch-1.0 {opened} ! nvoverlaysink"


def test_something_was_checked():
    assert len(words_after("tsm-edge", LINES)) >= 6
    assert len(words_after("tsm_edge_lite.py", LINES)) >= 5
    assert len(words_after("./tsm-run", LINES)) >= 6
