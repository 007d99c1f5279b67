"""Every command of docs/evaluation.md and docs/training.md is accepted, up to the files that a reader must bring."""

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tsm_edge.cli.main import cli
from tsm_edge.errors import TsmEdgeError
from tsm_edge.export.training.initial_weights import INITS
from tsm_edge.published import PUBLISHED

DOCS = Path(__file__).parents[1] / "docs"
TEXTS = {name: (DOCS / name).read_text() for name in ("evaluation.md", "training.md")}
LINES = sorted(
    {
        line.partition(" #")[0].strip()
        for text in TEXTS.values()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line.strip()
    }
)
PUBLISHED_RESULTS = TEXTS["evaluation.md"].partition("## Published results")[2]
# Figures of the published results that the document must speak of.
RESULTS = ("74.7", "47.2", "49.7", "50.7", "66.6", "58.3", "47.5", "35.3")


def words_of(line):
    """Behind `tsm-edge`, with or without torchrun in front."""
    words = shlex.split(line)
    return words[words.index("tsm-edge") + 1 :]


def parsed(line):
    name, *arguments = words_of(line)
    command = cli.commands[name]
    assert not isinstance(command, click.Group)
    # Raises for an unknown option, a missing argument, or a value of the wrong kind.
    return command.make_context(name, arguments).params


@pytest.mark.parametrize("line", LINES)
def test_commands_parse_in_full(line):
    parsed(line)


@pytest.mark.parametrize("figure", RESULTS)
def test_every_published_result_is_spoken_of(figure):
    assert figure in PUBLISHED_RESULTS


@pytest.mark.parametrize("line", [line for line in LINES if line in PUBLISHED_RESULTS])
def test_commands_of_published_results_lack_nothing_but_what_a_reader_brings(line, tmp_path, monkeypatch):
    """Settings that contradict each other would be told before a missing file is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = CliRunner().invoke(cli, words_of(line))
    assert isinstance(done.exception, TsmEdgeError), done.output
    assert re.search(r"no data at|cannot read|tsm-edge fetch|opencv-contrib-python", str(done.exception))
    given = parsed(line)
    for name in given.get("models") or [given["init"]]:
        assert name in PUBLISHED or name in INITS or name.endswith(".safetensors")
