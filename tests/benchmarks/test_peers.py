"""The script that measures other projects' engines beside the bundle."""

import sys

import pytest
from click.testing import CliRunner

from tsm_edge.errors import MissingDependencyError
from tsm_edge.runtime.bench import read_record

# Engine and the packages that it needs.
PACKAGES = {"openvino": ("openvino",), "ncnn": ("ncnn", "pnnx")}


@pytest.fixture
def peers(monkeypatch):
    import peers

    monkeypatch.setattr(peers, "BACKENDS", ("onnxruntime",))
    return peers


@pytest.mark.parametrize("name", PACKAGES)
def test_peer_that_is_not_installed_says_what_to_install(peers, monkeypatch, tiny, name):
    for package in PACKAGES[name]:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {' '.join(PACKAGES[name])}$"):
        peers.PEERS[name](tiny, 1)


@pytest.mark.parametrize("name", PACKAGES)
def test_peer_computes_the_same_and_is_recorded(peers, monkeypatch, tiny, tmp_path, name):
    for package in PACKAGES[name]:
        pytest.importorskip(package, reason=f"{package} is missing: pip install 'tsm-edge[peers]'")
    monkeypatch.setattr(peers, "PEERS", {name: peers.PEERS[name]})
    options = ["--bundle", tiny.path, "--results", tmp_path, "--threads", 1, "--frames", 3]
    done = CliRunner().invoke(peers.main, list(map(str, options)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = read_record(next(tmp_path.glob("peers-tiny-fp32-*-t1.json")))
    assert [backend.name for backend in record.backends] == ["onnxruntime", name]
    assert len(record.backends[1].latency.samples_ms) == 3
    assert record.versions[name]
