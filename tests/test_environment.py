from importlib import metadata

import pytest

from tsm_edge import __version__, environment
from tsm_edge.environment import half_versions, installed_halves, package_versions

# What setup.cfg's metadata looks like to an installed package.
REQUIREMENTS = [
    "click>=8.1",
    "opencv-python>=4.9",
    'torch>=2.6; extra == "export"',
    'apache-tvm==0.27.0.post1 ; python_version >= "3.10" and extra == "export"',
    "matplotlib>=3.8; extra == 'bench'",
    'pyright[nodejs]>=1.1; extra == "dev"',
]
INSTALLED = {"click": "8.1.7", "torch": "2.13.0", "pyright": "1.1.400"}


@pytest.fixture
def elsewhere(monkeypatch):
    """An installation with some packages of each half."""

    def version(package):
        if package not in INSTALLED:
            raise metadata.PackageNotFoundError(package)
        return INSTALLED[package]

    monkeypatch.setattr(environment.metadata, "requires", lambda _: REQUIREMENTS)
    monkeypatch.setattr(environment.metadata, "version", version)


@pytest.mark.usefixtures("elsewhere")
def test_each_half_lists_what_it_has_and_lacks():
    runtime, export, bench = installed_halves()
    assert (runtime.versions, runtime.missing) == ({"click": "8.1.7"}, ("opencv-python",))
    assert (export.versions, export.missing) == ({"torch": "2.13.0"}, ("apache-tvm",))
    assert (bench.versions, bench.missing) == ({}, ("matplotlib",))


@pytest.mark.usefixtures("elsewhere")
def test_missing_half_says_how_to_get_it():
    sentences = {half.name: half.sentence for half in installed_halves()}
    assert sentences["export"] == "missing apache-tvm; pip install 'tsm-edge[export]'"
    assert sentences["runtime"] == "missing opencv-python; pip install tsm-edge"


@pytest.mark.usefixtures("elsewhere")
def test_versions_hold_what_is_installed_and_nothing_else():
    versions = package_versions()
    assert versions["tsm-edge"] == __version__
    assert set(versions) == {"tsm-edge", "python", "click", "torch"}
    assert half_versions("export") == {"torch": "2.13.0"}


def test_this_installation_is_found():
    runtime = installed_halves()[0]
    assert "numpy" in runtime.versions
    assert not runtime.missing
    assert runtime.sentence == "installed"
