import subprocess
from pathlib import Path

import pytest

from tsm_edge.runtime.bench.provenance import checkout_commit


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit of one module."""
    module = tmp_path / "package" / "module.py"
    module.parent.mkdir()
    module.write_text("answer = 42\n")
    name = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost", "-c", "commit.gpgsign=false"]
    for command in (
        ["init", "--quiet"],
        ["add", "."],
        [*name, "commit", "--quiet", "--message=package: add module"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return module


def test_commit_of_a_clean_checkout(checkout):
    head = subprocess.run(
        ["git", "-C", str(checkout.parent), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    assert len(checkout_commit(checkout)) == 12
    assert head.stdout.startswith(checkout_commit(checkout))


def test_changed_checkout_says_so(checkout):
    checkout.write_text("answer = 43\n")
    assert checkout_commit(checkout).endswith("-dirty")


def test_new_files_beside_do_not_make_it_dirty(checkout):
    (checkout.parent / "results.json").write_text("{}")
    assert not checkout_commit(checkout).endswith("-dirty")


def test_untracked_module_has_no_commit(checkout):
    installed = checkout.parent / "installed.py"
    installed.write_text("")
    assert checkout_commit(installed) == ""


def test_outside_of_any_checkout(tmp_path):
    assert checkout_commit(tmp_path / "module.py") == ""
    assert checkout_commit(tmp_path / "no folder" / "module.py") == ""
