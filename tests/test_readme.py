"""What the README tells a reader to type, and what the Makefile types itself, must exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from tsm_edge.cli.main import cli
from tsm_edge.webcam_demo import command as webcam_demo

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()

# `tsm-edge compile --target host`, in a block of shell or between backticks, up to the end of it or a comment.
COMMAND = re.compile(r"(?:tsm-edge|python -m tsm_edge\.webcam_demo)(?: [^`#\n]+)?")


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("line", sorted(set(COMMAND.findall(README + MAKEFILE))))
def test_commands_and_options_exist(line):
    program, *words = shlex.split(line.replace("[", " ").replace("]", " "))
    command = webcam_demo if program == "python" else cli
    while isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
    assert {word for word in words if word.startswith("--")} <= options(command)


def test_every_command_is_described():
    assert {name for name in cli.commands if f"`tsm-edge {name}" not in README} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_map_names_files_that_exist():
    tree = re.search(r"## Map\n\n```\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert tree
    folder, missing = ROOT, []
    for line in tree[1].splitlines():
        first = line.split()[0]
        if not line.startswith(" "):
            folder = ROOT / first
            assert folder.is_dir()
        elif not list(folder.glob(first.rstrip("/"))):
            missing.append(first)
        missing += [name for name in re.findall(r"[\w*]+\.py", line) if not list(folder.rglob(name))]
    assert missing == []


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_imports_of_the_examples_work(block):
    for line in re.findall(r"^(?:from|import) .*", block, re.MULTILINE):
        exec(line, {})
