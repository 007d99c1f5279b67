"""The script that measures other projects' engines beside the bundle."""

import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from tsm_edge.bundle import Bundle
from tsm_edge.errors import MissingDependencyError, TsmEdgeError, UsageError
from tsm_edge.manifest import write_manifest
from tsm_edge.runtime.bench import read_record
from tsm_edge.targets import TARGETS

# Engine and the packages that it needs.
PACKAGES = {"openvino": ("openvino",), "ncnn": ("ncnn", "pnnx"), "litert": ("ai_edge_litert", "litert_torch")}
# What to install, in the words of the error.
ADVICE = {"openvino": "openvino", "ncnn": "ncnn pnnx", "litert": "ai-edge-litert"}


@pytest.fixture
def peers(monkeypatch):
    import peers

    monkeypatch.setattr(peers, "BACKENDS", ("onnxruntime",))
    return peers


@pytest.mark.parametrize("name", PACKAGES)
def test_peer_that_is_not_installed_says_what_to_install(peers, monkeypatch, tiny, name):
    for package in PACKAGES[name]:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {ADVICE[name]}$"):
        peers.PEERS[name].open_backend(tiny, 1)


def run(peers, bundle, folder, *arguments):
    """Call the script's command on one thread and give its record."""
    options = ["--bundle", bundle.path, "--results", folder, "--threads", 1, "--frames", 3, *arguments]
    done = CliRunner().invoke(peers.main, list(map(str, options)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read_record(next(folder.glob("peers-*-t1.json")))


def skip_without(name):
    for package in PACKAGES[name]:
        pytest.importorskip(package, reason=f"{package} is missing: make bench-peers")


@pytest.mark.parametrize("name", ["openvino", "ncnn"])
def test_peer_computes_the_same_and_is_recorded(peers, monkeypatch, tiny, tmp_path, name):
    skip_without(name)
    monkeypatch.setattr(peers, "PEERS", {name: peers.PEERS[name]})
    record = run(peers, tiny, tmp_path)
    assert [backend.name for backend in record.backends] == ["onnxruntime", name]
    assert len(record.backends[1].latency.samples_ms) == 3
    assert record.versions[name]


@pytest.mark.skipif(find_spec("litert_torch") is None, reason="litert_torch is missing: make bench-peers")
@pytest.mark.filterwarnings("ignore")  # of LiteRT's interpreter, in its own words
def test_litert_computes_the_same_and_is_recorded(peers, monkeypatch, compiled_path, tmp_path):
    """On a network of ours: it is rebuilt in PyTorch, from which LiteRT's converter starts."""
    monkeypatch.setattr(peers, "PEERS", {"litert": peers.PEERS["litert"]})
    record = run(peers, Bundle.open(compiled_path), tmp_path)
    assert [backend.name for backend in record.backends] == ["onnxruntime", "litert"]
    assert record.versions["ai-edge-litert"]


def test_litert_that_computes_a_part_itself_is_refused(scripts_on_the_path):
    import litert_peer

    class Interpreter:
        def _get_ops_details(self):
            return [{"op_name": "DELEGATE", "outputs": [3]}, {"op_name": "MEAN", "outputs": [4]}]

        def get_output_details(self):
            return [{"index": 4}]

    with pytest.raises(TsmEdgeError, match="a part of the network"):
        litert_peer._check_delegated(Interpreter())


def test_arguments_and_results_of_litert_are_in_the_functions_order(scripts_on_the_path):
    import litert_peer

    names = ["serving_default_args_10:0", "serving_default_args_2:0", "serving_default_args_0:0"]
    details = [{"name": name, "index": index} for index, name in enumerate(names)]
    assert litert_peer._indices(details) == [2, 1, 0]
    assert litert_peer._indices([{"name": "serving_default_output_0_output", "index": 7}]) == [7]


AVX2_RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import openvino_peer
from tsm_edge.bundle import Bundle
backend = openvino_peer.open_avx2_backend(Bundle.open(sys.argv[2]), 1)
print(sorted(backend.infer.convolutions()))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86 has AVX2")
def test_openvino_is_held_to_avx2(scripts_on_the_path, compiled_path):
    """In a process of its own, as oneDNN reads the limit once."""
    skip_without("openvino")
    command = [sys.executable, "-c", AVX2_RUN, scripts_on_the_path, compiled_path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "conv" in done.stdout
    assert "avx512" not in done.stdout


def test_wider_bundle_is_refused_where_avx2_is_asked_for(peers, tiny, tmp_path):
    wide = replace(tiny.manifest, target=TARGETS["x86-64-v4"])
    shutil.copytree(tiny.path, tmp_path / "wide")
    write_manifest(wide, tmp_path / "wide")
    options = ["--bundle", tmp_path / "wide", "--isa", "avx2", "--results", tmp_path]
    with pytest.raises(UsageError, match="give one for x86-64-v3"):
        CliRunner().invoke(peers.main, list(map(str, options)), catch_exceptions=False)
