import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from tiny_bundle import tiny_spec, write_tiny_bundle

from tsm_edge.bundle import ONNX_MODEL, Bundle, record_files
from tsm_edge.errors import BundleError
from tsm_edge.manifest import MANIFEST_NAME, read_manifest, write_manifest
from tsm_edge.runtime.backends.onnxruntime_backend import open_backend
from tsm_edge.specs import StateSpec


def rewritten(path, **model):
    """The bundle with other model fields and hashes that fit its files."""
    manifest = read_manifest(path)
    (path / MANIFEST_NAME).unlink()
    spec = dataclasses.replace(manifest.model, **model)
    write_manifest(dataclasses.replace(manifest, model=spec, files=record_files(path)), path)
    return Bundle.open(path)


@pytest.fixture
def path(tmp_path):
    return write_tiny_bundle(tmp_path / "bundle")


def test_state_is_zero_at_birth_and_after_reset(path):
    stream = open_backend(Bundle.open(path), 1).open_stream()
    frame = np.random.default_rng(0).standard_normal(tiny_spec().input_shape).astype(np.float32)
    for _ in range(2):
        assert all(not buffer.any() for buffer in stream.state())
        stream.step(frame)
        assert all(buffer.any() for buffer in stream.state())
        stream.reset()


def test_threads_do_not_change_the_logits(path):
    frame = np.random.default_rng(0).standard_normal(tiny_spec().input_shape).astype(np.float32)
    one, two = (open_backend(Bundle.open(path), threads).open_stream().step(frame) for threads in (1, 2))
    # Another order of summation in float32.
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-5 * np.abs(one).max())


def test_broken_file_is_said_in_one_line(path):
    (path / ONNX_MODEL).write_bytes(b"no protobuf")
    with pytest.raises(BundleError, match="cannot load"):
        open_backend(rewritten(path), 1)


@pytest.mark.parametrize(
    "state", [StateSpec(shapes=((1, 2, 8, 8),)), StateSpec(shapes=((1, 2, 8, 8), (1, 2, 4, 4)))]
)
def test_model_that_is_not_the_manifests_is_refused(path, state):
    with pytest.raises(BundleError, match="the manifest says"):
        open_backend(rewritten(path, state=state), 1)


def test_bundle_without_onnx_says_so(path):
    manifest = Bundle.open(path).manifest
    files = {name: record for name, record in manifest.files.items() if name != ONNX_MODEL}
    write_manifest(dataclasses.replace(manifest, files=files), path)
    with pytest.raises(BundleError, match=f"has no {ONNX_MODEL}"):
        open_backend(Bundle.open(path), 1)


def test_nothing_is_reported_to_the_engines_makers(path, tmp_path):
    """ONNX Runtime would keep the machine's number and unsent reports in the user's cache."""
    home = tmp_path / "home"
    home.mkdir()
    kept = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in kept}
    program = f"from tsm_edge.runtime import Session; Session.load({str(path)!r}, backend='onnxruntime')"
    subprocess.run([sys.executable, "-c", program], env={**environment, "HOME": str(home)}, check=True)
    assert list(home.iterdir()) == []
