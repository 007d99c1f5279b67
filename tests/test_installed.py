"""What must hold wherever tsm-edge is installed: editable or from the wheel, with its extras or without."""

import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tsm_edge import __version__

SCRIPT = Path(sys.executable).parent / "tsm-edge"
HAS_EXPORT = importlib.util.find_spec("torch") is not None and importlib.util.find_spec("tvm") is not None


def run(*arguments: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


def test_the_command_is_on_the_path(tmp_path):
    assert run("--version", cwd=tmp_path).stdout.split()[-1] == __version__
    assert run("--help", cwd=tmp_path).returncode == 0


def test_versions_agree():
    assert importlib.metadata.version("tsm-edge") == __version__


@pytest.mark.parametrize("package", ["tsm_edge", "tsm_edge.cli", "tsm_edge.runtime", "tsm_edge.targets"])
def test_base_install_imports(package):
    assert importlib.import_module(package).__file__


def test_types_are_shipped():
    assert (importlib.resources.files("tsm_edge") / "py.typed").is_file()


def test_sources_of_the_c_driver_are_shipped():
    assert (importlib.resources.files("tsm_edge.export") / "csrc").is_dir()


def test_rooms_have_no_second_name(tmp_path):
    code = "import importlib.util as u; print([u.find_spec(name) for name in ('export', 'runtime')])"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert shown.stdout.strip() == "[None, None]"


@pytest.mark.skipif(
    HAS_EXPORT, reason="the host half is installed here; the wheel's own environment has none"
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["export"],
        ["compile", "--target", "host"],
        ["train", ".", "--output", "m.safetensors"],
        ["eval", "x.pth", "."],
        ["bench"],
    ],
)
def test_without_the_host_half_one_line_says_how_to_get_it(tmp_path, arguments):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "pip install 'tsm-edge[export]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
