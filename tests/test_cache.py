"""The cache on real bundles; what is compiled is small, and once it is really compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_bundle import write_tiny_bundle

from tsm_edge import cache
from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.cache import BUNDLES_KEPT, cache_directory, host_bundle
from tsm_edge.errors import CompileError, MissingDependencyError, OutputError
from tsm_edge.export.tuning.database import database_path
from tsm_edge.targets import host_target


@pytest.fixture
def compiled(monkeypatch) -> list[Path]:
    """Bundles are written without the compiler; says which."""
    paths: list[Path] = []

    def write(target, path, announce):
        paths.append(write_tiny_bundle(path))

    monkeypatch.setattr(cache, "_compile", write)
    return paths


def test_second_call_finds_what_the_first_compiled(tmp_path, compiled):
    said: list[str] = []
    first = host_bundle(said.append, directory=tmp_path)
    assert host_bundle(said.append, directory=tmp_path) == first
    assert compiled == [first]
    assert said == ["compiling the default model for this machine, once"]
    assert Bundle.open(first).manifest.model.name == "tiny"


def test_changed_source_or_tool_is_another_bundle(tmp_path, compiled, monkeypatch):
    source = tmp_path / "kernel.py"
    source.write_text("tile = 7\n")
    monkeypatch.setattr(cache, "_source_files", lambda: [source])
    paths = [host_bundle(directory=tmp_path / "cache")]
    source.write_text("tile = 14\n")
    paths.append(host_bundle(directory=tmp_path / "cache"))
    monkeypatch.setattr(cache, "half_versions", lambda name: {"apache-tvm": "9"})
    paths.append(host_bundle(directory=tmp_path / "cache"))
    assert len(set(paths)) == 3
    assert compiled == paths


def test_tuned_kernels_are_another_bundle(tmp_path, compiled, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    before = host_bundle(directory=tmp_path / "cache")
    results = database_path(host_target())
    results.parent.mkdir(parents=True)
    results.write_text('{"layers": []}')
    assert host_bundle(directory=tmp_path / "cache") != before


def test_fingerprint_covers_both_the_export_half_and_the_shared_specs():
    names = {file.name for file in cache._source_files()}
    assert {"build.py", "specs.py", "manifest.py", "mobilenet_v2.py"} <= names
    assert not any(name.endswith(".pyc") for name in names)


def test_damaged_bundle_is_compiled_again(tmp_path, compiled, monkeypatch):
    path = host_bundle(directory=tmp_path)
    (path / ONNX_MODEL).unlink()
    (path / "manifest.json").unlink()
    assert host_bundle(directory=tmp_path) == path
    assert compiled == [path, path]


def test_failed_compilation_leaves_nothing_to_find(tmp_path, monkeypatch):
    def fail(target, path, announce):
        raise CompileError("no kernel")

    monkeypatch.setattr(cache, "_compile", fail)
    for _ in range(2):
        with pytest.raises(CompileError):
            host_bundle(directory=tmp_path)
    assert list(tmp_path.glob("host-*")) == []


def test_old_bundles_make_room(tmp_path, compiled):
    for age in range(BUNDLES_KEPT + 2):
        old = tmp_path / f"host-{age}"
        old.mkdir()
        os.utime(old, (1000 - age, 1000 - age))
    path = host_bundle(directory=tmp_path)
    kept = {folder.name for folder in tmp_path.glob("host-*")}
    assert kept == {path.name, *(f"host-{age}" for age in range(BUNDLES_KEPT - 1))}


def test_missing_export_half_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    for name in [name for name in sys.modules if name.startswith("tsm_edge.export")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        MissingDependencyError, match=r"none is compiled yet; .*pip install 'tsm-edge\[export\]'"
    ):
        host_bundle(directory=tmp_path)


def test_unwritable_cache_is_one_line(tmp_path, compiled):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="set XDG_CACHE_HOME"):
        host_bundle(directory=tmp_path / "file" / "cache")


def test_cache_lies_where_the_system_wants_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory().name == "tsm-edge"
    if sys.platform == "linux":
        assert cache_directory() == tmp_path / "tsm-edge"


def test_default_model_is_really_compiled(compiled_path):
    bundle = Bundle.open(compiled_path)
    assert bundle.check_files() > 0
    assert bundle.manifest.verification.method == "native"
    assert bundle.manifest.model.architecture == "mobilenetv2"
    assert sorted(path.name for path in compiled_path.parent.glob("host-*")) == [compiled_path.name]


# Each process says that it is ready and then waits for the go, so that both ask at once.
ONE_OF_TWO = """
import sys, time
from pathlib import Path
from tiny_bundle import write_tiny_bundle
from tsm_edge import cache

def write_slowly(target, path, announce):
    time.sleep(0.5)
    write_tiny_bundle(path)

cache._compile = write_slowly
print("ready", flush=True)
sys.stdin.readline()
print(cache.host_bundle(lambda text: print(text, file=sys.stderr), directory=Path(sys.argv[1])))
"""


def test_two_processes_at_once_compile_one_bundle(tmp_path):
    command = [sys.executable, "-c", ONE_OF_TWO, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both = [subprocess.Popen(command, text=True, env=environment, **pipes) for _ in range(2)]
    assert [process.stdout.readline() for process in both] == ["ready\n", "ready\n"]
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    paths, said = zip(*(process.communicate() for process in both), strict=True)
    assert [process.returncode for process in both] == [0, 0], said
    assert paths[0] == paths[1]
    assert "".join(said).count("compiling the default model") == 1
