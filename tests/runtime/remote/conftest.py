"""A bundle that is quickly pushed, and machines to push it to."""

import pytest
from remote_machines import fake_adb, rewritten, running_sshd

from tsm_edge.bundle import RUN_TOOL, Bundle
from tsm_edge.targets import TARGETS, host_target


@pytest.fixture
def bundle(bundle_path, tmp_path) -> Bundle:
    """For this machine, with a folder in it and names that a shell would take apart."""
    path = bundle_path.rename(tmp_path / "it's a $bundle")
    (path / "more files").mkdir()
    (path / "more files" / "read me.txt").write_text("hello")
    (path / RUN_TOOL).write_text("#!/bin/sh\n")
    return rewritten(path, target=host_target())


@pytest.fixture
def for_phone(bundle) -> Bundle:
    return rewritten(bundle.path, target=TARGETS["galaxy-note8"])


@pytest.fixture(scope="session")
def _sshd(tmp_path_factory):
    with running_sshd(tmp_path_factory.mktemp("sshd")) as machine:
        yield machine


@pytest.fixture
def board(_sshd, monkeypatch):
    """A real sshd on loopback, which the ssh on the path can enter."""
    monkeypatch.setenv("PATH", _sshd.path)
    yield _sshd
    for shim in _sshd.shims.iterdir():
        shim.unlink()


@pytest.fixture
def phone(tmp_path, monkeypatch):
    """An adb on the path that stands for a Galaxy Note8."""
    properties = {
        "ro.product.model": "SM-N950F",
        "ro.board.platform": "exynos8895",
        "ro.build.version.release": "9",
    }
    adb = fake_adb(tmp_path, properties)
    monkeypatch.setenv("PATH", adb.path)
    return adb
