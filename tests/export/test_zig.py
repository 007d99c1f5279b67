"""One cache for all environments of a user."""

import os
import subprocess
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from tsm_edge.errors import CompileError
from tsm_edge.export import zig

NAME = f"lib-{version('ziglang')}"


def test_environments_share_a_name_for_zig_s_folder(tmp_path):
    folder = zig.library_folder(tmp_path / "cache")
    assert folder == tmp_path / "cache" / NAME
    assert (folder / "libc" / "musl").is_dir()
    assert [path.name for path in folder.parent.iterdir()] == [NAME]


def test_another_environment_s_folder_is_kept_while_it_is_there(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / NAME).symlink_to(other)
    assert zig.library_folder(tmp_path).samefile(other)
    other.rmdir()
    assert (zig.library_folder(tmp_path) / "libc" / "musl").is_dir()


def test_own_folder_does_where_there_can_be_no_name(tmp_path):
    (tmp_path / "cache").write_text("a file")
    folder = zig.library_folder(tmp_path / "cache")
    assert (folder / "libc" / "musl").is_dir()
    assert folder.parent.name == "ziglang"


@pytest.fixture
def run(monkeypatch):
    """Environments of the programs that are run."""
    environments = []

    def run_(command, *, env, **_):
        environments.append(env)
        return SimpleNamespace(returncode=1, stderr="note: this\nerror: that\nmore")

    monkeypatch.setattr(subprocess, "run", run_)
    return environments


def test_zig_is_told_the_name_unless_the_user_has_another(run, monkeypatch):
    for own in ("", "/of/the/user"):
        if own:
            monkeypatch.setenv("ZIG_LIB_DIR", own)
        with pytest.raises(CompileError, match=r"^zig cc failed: error: that$"):
            zig.run_zig(["cc"])
    assert os.path.basename(run[0]["ZIG_LIB_DIR"]) == NAME  # noqa: PTH119
    assert run[1]["ZIG_LIB_DIR"] == "/of/the/user"
