import dataclasses

import numpy as np
import pytest
from tiny_bundle import write_tiny_bundle

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS, ONNX_MODEL, Bundle, record_files
from tsm_edge.errors import BundleError, VerificationError
from tsm_edge.manifest import MANIFEST_NAME, read_manifest, write_manifest
from tsm_edge.runtime.backends.array_stream import ArrayStream
from tsm_edge.runtime.verify import TOLERANCE, verify_bundle


@pytest.fixture
def path(tmp_path):
    return write_tiny_bundle(tmp_path / "bundle")


def sign_again(path):
    """Make the manifest fit the files, as somebody who means harm or errs would."""
    manifest = read_manifest(path)
    (path / MANIFEST_NAME).unlink()
    write_manifest(dataclasses.replace(manifest, files=record_files(path)), path)


def test_good_bundle_passes(path):
    report = verify_bundle(path, backend="onnxruntime")
    assert report.num_files == 3
    assert report.num_frames == len(Bundle.open(path).golden_frames)
    assert 0 <= report.max_relative_error <= TOLERANCE
    assert (report.backend, report.threads, report.weights_note) == ("onnxruntime", 1, "untrained weights")


@pytest.mark.parametrize("name", [ONNX_MODEL, GOLDEN_FRAMES, GOLDEN_LOGITS])
def test_one_altered_byte_is_found(path, name):
    data = bytearray((path / name).read_bytes())
    data[-1] ^= 1
    (path / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name} was altered"):
        verify_bundle(path, backend="onnxruntime")


@pytest.mark.parametrize("frame", [0, -1])
def test_other_logits_are_found_on_every_frame(path, frame):
    golden = np.load(path / GOLDEN_LOGITS)
    golden[frame, 0] += 2 * TOLERANCE * np.abs(golden).max()
    np.save(path / GOLDEN_LOGITS, golden)
    sign_again(path)
    with pytest.raises(VerificationError, match="of the largest logit") as found:
        verify_bundle(path, backend="onnxruntime")
    assert "\n" not in str(found.value)


def test_logits_that_are_no_numbers_never_pass(path):
    golden = np.load(path / GOLDEN_LOGITS)
    golden[1, 1] = np.nan
    np.save(path / GOLDEN_LOGITS, golden)
    sign_again(path)
    with pytest.raises(VerificationError):
        verify_bundle(path, backend="onnxruntime")


def test_stream_that_forgets_to_forget_is_found(path, monkeypatch):
    def reset_once(self):
        if not self._buffers:
            original(self)

    original = ArrayStream.reset
    monkeypatch.setattr(ArrayStream, "reset", reset_once)
    with pytest.raises(VerificationError, match="after a reset"):
        verify_bundle(path, backend="onnxruntime")


@pytest.mark.parametrize(
    ("name", "array"),
    [
        (GOLDEN_FRAMES, np.zeros((6, 16, 16, 3), np.uint8)),
        (GOLDEN_FRAMES, np.zeros((5, 32, 32, 3), np.uint8)),
        (GOLDEN_LOGITS, np.zeros((6, 2), np.float32)),
    ],
)
def test_golden_stream_of_another_model_is_said(path, name, array):
    np.save(path / name, array)
    sign_again(path)
    with pytest.raises(BundleError, match="do not fit"):
        verify_bundle(path, backend="onnxruntime")


def test_empty_golden_stream_proves_nothing(path):
    np.save(path / GOLDEN_FRAMES, np.zeros((0, 32, 32, 3), np.uint8))
    np.save(path / GOLDEN_LOGITS, np.zeros((0, 7), np.float32))
    sign_again(path)
    with pytest.raises(BundleError, match="do not fit"):
        verify_bundle(path, backend="onnxruntime")
