import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS, LIBRARY, Bundle, record_files
from tsm_edge.errors import BundleError
from tsm_edge.manifest import MANIFEST_NAME, FileRecord, write_manifest


def test_open_and_check(bundle_path, spec):
    bundle = Bundle.open(str(bundle_path))
    assert bundle.manifest.model == spec
    assert bundle.check_files() == 3
    assert bundle.golden_frames.shape == (3, 8, 8, 3)
    assert bundle.golden_logits.dtype == np.float32


@pytest.mark.parametrize("name", [LIBRARY, GOLDEN_FRAMES])
def test_missing_file(bundle_path, name):
    (bundle_path / name).unlink()
    with pytest.raises(BundleError, match=f"is incomplete: {name} is missing"):
        Bundle.open(bundle_path)


def test_folder_in_the_place_of_a_file(bundle_path):
    (bundle_path / LIBRARY).unlink()
    (bundle_path / LIBRARY).mkdir()
    with pytest.raises(BundleError, match="missing"):
        Bundle.open(bundle_path)


@pytest.mark.parametrize("change", [lambda old: old[:-1], lambda old: old + b"x", lambda _: b""])
def test_truncated_or_longer_file(bundle_path, change):
    file = bundle_path / LIBRARY
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(BundleError, match=r"has \d+ bytes instead of 32"):
        Bundle.open(bundle_path)


def test_altered_file_opens_but_fails_the_check(bundle_path):
    file = bundle_path / LIBRARY
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    bundle = Bundle.open(bundle_path)
    with pytest.raises(BundleError, match="was altered"):
        bundle.check_files()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", ".."])
def test_path_outside_the_bundle(bundle_path, name):
    manifest = Bundle.open(bundle_path).manifest
    (bundle_path.parent / "secret").write_bytes(b"")
    record = FileRecord(size_bytes=0, sha256=hashlib.sha256(b"").hexdigest())
    write_manifest(replace(manifest, files={name: record}), bundle_path)
    with pytest.raises(BundleError, match="lies outside the bundle"):
        Bundle.open(bundle_path)


def test_file_that_is_not_listed(bundle_path):
    with pytest.raises(BundleError, match=r"has no kernels\.ptx"):
        Bundle.open(bundle_path).file("kernels.ptx")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2), np.float64),
        np.zeros(2, np.float32),
        np.array([["a", "b"]]),
        np.zeros((0, 2), np.float64),
    ],
)
def test_golden_array_of_another_kind(bundle_path, manifest, array):
    np.save(bundle_path / GOLDEN_LOGITS, array)
    reseal(bundle_path, manifest)
    with pytest.raises(BundleError, match="is not 2-dimensional float32"):
        _ = Bundle.open(bundle_path).golden_logits


def test_golden_array_is_never_unpickled(bundle_path, manifest):
    np.save(bundle_path / GOLDEN_LOGITS, np.array([[print, print]], dtype=object), allow_pickle=True)
    reseal(bundle_path, manifest)
    with pytest.raises(BundleError, match="broken"):
        _ = Bundle.open(bundle_path).golden_logits


@given(place=st.integers(0, 150), value=st.integers(0, 255), length=st.integers(0, 150))
def test_damaged_golden_array_is_read_or_refused(golden_bundle, manifest, place, value, length):
    path, content = golden_bundle
    for damaged in (content[:place] + bytes([value]) + content[place + 1 :], content[:length]):
        (path / GOLDEN_LOGITS).write_bytes(damaged)
        reseal(path, manifest)
        try:
            logits = Bundle.open(path).golden_logits
        except BundleError:
            continue
        assert (logits.ndim, logits.dtype) == (2, np.float32)


@pytest.fixture(scope="module")
def golden_bundle(tmp_path_factory):
    """A bundle with nothing but golden logits, and their bytes."""
    path = tmp_path_factory.mktemp("golden")
    np.save(path / GOLDEN_LOGITS, np.ones((3, 2), np.float32))
    return path, (path / GOLDEN_LOGITS).read_bytes()


def test_records_are_sorted_and_relative(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "inner").write_bytes(b"xy")
    (tmp_path / "a").write_bytes(b"")
    records = record_files(tmp_path)
    assert list(records) == ["a", "b/inner"]
    assert records["b/inner"] == FileRecord(size_bytes=2, sha256=hashlib.sha256(b"xy").hexdigest())


def test_manifest_lists_every_other_file(bundle_path):
    listed = json.loads((bundle_path / MANIFEST_NAME).read_text())["files"]
    assert {*listed, MANIFEST_NAME} == {path.name for path in bundle_path.iterdir()}


def reseal(path, manifest) -> None:
    """Write the manifest that fits the files in `path`."""
    (path / MANIFEST_NAME).unlink(missing_ok=True)
    write_manifest(replace(manifest, files=record_files(path)), path)
