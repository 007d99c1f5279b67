"""Bundles that the compiled backend refuses, each in one line."""

import dataclasses
import hashlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tsm_edge.bundle import LIBRARY, WEIGHTS, Bundle
from tsm_edge.errors import BundleError, BundleMismatchError, UsageError
from tsm_edge.manifest import FileRecord, write_manifest
from tsm_edge.runtime.backends.compiled import MAX_THREADS, open_backend
from tsm_edge.specs import StateSpec
from tsm_edge.targets import TARGETS


@pytest.fixture
def copy(compiled_path, tmp_path):
    """Another bundle with the same files."""
    return shutil.copytree(compiled_path, tmp_path / "copy")


def refused(error, bundle, threads=1):
    with pytest.raises(error) as caught:
        open_backend(bundle, threads)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewritten(path, **fields):
    """The bundle with other fields in its manifest."""
    write_manifest(dataclasses.replace(Bundle.open(path).manifest, **fields), path)
    return Bundle.open(path)


def replaced(path, name, content):
    """The bundle with another file and a manifest that agrees with it."""
    manifest = Bundle.open(path).manifest
    (path / name).write_bytes(content)
    record = FileRecord(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    write_manifest(dataclasses.replace(manifest, files=manifest.files | {name: record}), path)
    return Bundle.open(path)


@pytest.mark.parametrize("change", [lambda old: old[:-64], lambda old: old + bytes(64), lambda _: b""])
def test_weights_of_another_size(copy, change):
    said = refused(BundleError, replaced(copy, WEIGHTS, change((copy / WEIGHTS).read_bytes())))
    assert "do not belong together" in said


@pytest.mark.parametrize(
    "content", [b"", b"no library at all", bytes(200_000), b"\x7fELF\x02\x01\x01" + bytes(500)]
)
def test_file_that_is_no_library(copy, content):
    assert "cannot load" in refused(BundleMismatchError, replaced(copy, LIBRARY, content))


def build_library(path, source):
    """A library of our own making in the place of the bundle's."""
    command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-nostdlib", "-x", "c", "-", "-o", "made.so"]
    subprocess.run(command, cwd=path.parent, input=source, text=True, check=True)
    return replaced(path, LIBRARY, (path.parent / "made.so").read_bytes())


@pytest.mark.parametrize("version", [1, 7])
def test_library_of_another_abi(copy, version):
    source = f"int tsm_abi_version(void) {{ return {version}; }}"
    said = refused(BundleMismatchError, build_library(copy, source))
    assert f"version {version}" in said
    assert "compile the bundle again" in said


@pytest.mark.parametrize("version", [1, 7])
def test_manifest_of_another_abi(copy, version):
    said = refused(BundleMismatchError, rewritten(copy, abi_version=version))
    assert f"version {version}" in said
    assert "compile the bundle again" in said


def test_library_without_the_interface(copy):
    said = refused(BundleMismatchError, build_library(copy, "int answer(void) { return 42; }"))
    assert "tsm_abi_version" in said


def test_library_of_another_network(copy):
    manifest = Bundle.open(copy).manifest
    other = dataclasses.replace(manifest.model, state=StateSpec(shapes=((1, 2, 8, 8),)))
    assert "do not belong together" in refused(BundleError, rewritten(copy, model=other))


def test_bundle_for_another_architecture(copy):
    other = "jetson-nano" if "x86_64" in Bundle.open(copy).manifest.target.triple else "x86-64-v3"
    said = refused(BundleMismatchError, rewritten(copy, target=TARGETS[other]))
    assert TARGETS[other].architecture in said
    assert "--target host" in said


def test_bundle_for_android_on_linux(copy):
    said = refused(BundleMismatchError, rewritten(copy, target=TARGETS["galaxy-note8"]))
    assert "android" in said


def test_bundle_for_wider_vectors_than_this_processor_has(copy, monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: sse4_2 avx2 fma\n\n")
    monkeypatch.setattr("tsm_edge.targets.host.missing_here.__defaults__", (cpuinfo,))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    said = refused(BundleMismatchError, rewritten(copy, target=TARGETS["x86-64-v4"]))
    assert "avx512f" in said


@pytest.mark.parametrize("threads", [MAX_THREADS + 1, 10_000])
def test_more_threads_than_the_library_starts(compiled_path, threads):
    assert "at most 64" in refused(UsageError, Bundle.open(compiled_path), threads)


def test_backend_that_was_refused_leaves_the_next_one_alone(copy, compiled_path):
    refused(BundleError, replaced(copy, WEIGHTS, b""))
    backend = open_backend(Bundle.open(compiled_path), 1)
    assert np.isfinite(backend.open_stream().step(np.zeros(backend.spec.input_shape, np.float32))).all()
    backend.close()
