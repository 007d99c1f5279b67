"""setup.cfg's hand-kept lists against the disk, and the wheel against both."""

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {"tsm_edge": "tsm_edge", "tsm_edge.export": "export", "tsm_edge.runtime": "runtime"}
PACKAGING = ["LICENSE", "README.md", "pyproject.toml", "setup.cfg"]


@pytest.fixture(scope="module")
def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def rows(text: str) -> list[str]:
    return [row.strip() for row in text.splitlines() if row.strip() and not row.startswith("#")]


def module_files() -> dict[str, Path]:
    """Every file that belongs into the wheel, by its path there."""
    found = {}
    for package, folder in ROOMS.items():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found[f"{package.replace('.', '/')}/{path.relative_to(ROOT / folder).as_posix()}"] = path
    return found


def test_rooms_are_mapped(config):
    mapped = dict(row.split(" = ") for row in rows(config["options"]["package_dir"]))
    assert mapped == ROOMS


def test_every_folder_with_modules_is_listed(config):
    folders = {Path(name).parent.as_posix() for name in module_files() if name.endswith(".py")}
    packages = sorted(folder.replace("/", ".") for folder in folders)
    assert sorted(rows(config["options"]["packages"])) == packages


def test_every_package_has_an_init():
    folders = {Path(name).parent for name in module_files() if name.endswith(".py")}
    assert {folder for folder in folders if f"{folder.as_posix()}/__init__.py" not in module_files()} == set()


def test_every_requirement_is_pinned(config):
    wanted = rows(config["options"]["install_requires"])
    wanted += [row for extra in config["options.extras_require"].values() for row in rows(extra)]
    pinned = {row.partition("==")[0] for row in rows((ROOT / "constraints.txt").read_text())}
    missing = {re.split(r"[\[<>=~!;]", requirement)[0] for requirement in wanted} - pinned
    assert missing == set()


def test_pins_are_exact_and_chosen_once():
    pins = rows((ROOT / "constraints.txt").read_text())
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+(; python_version (<|>=) '3\.11')?", pin) for pin in pins)
    assert len({pin.partition(";")[2] + pin.partition("==")[0] for pin in pins}) == len(pins)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel, built from a copy: setuptools leaves build/ behind and packs what lies there next time."""
    source = tmp_path_factory.mktemp("source")
    for folder in ROOMS.values():
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in PACKAGING:
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    done = subprocess.run([*command, source / "out", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (source / "out").iterdir()
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_wheel_holds_what_the_disk_holds(wheel):
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == set(module_files())


def test_wheel_brings_nothing_but_its_own_name(wheel):
    assert {re.split("[-/]", name)[0] for name in wheel.namelist()} == {"tsm_edge"}


def test_wheel_has_command_licence_and_readme(wheel):
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    assert "tsm-edge = tsm_edge.cli.main:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    assert (ROOT / "README.md").read_text().splitlines()[0] in wheel.read(f"{info}/METADATA").decode()


def test_device_half_asks_for_no_compiler(config):
    base = {re.split("[<>=]", row)[0] for row in rows(config["options"]["install_requires"])}
    assert not base & {"torch", "apache-tvm", "apache-tvm-ffi", "onnx", "ziglang"}
