"""What every test of the shared room may ask for."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS, LIBRARY, record_files
from tsm_edge.manifest import KernelRecord, Manifest, Verification, write_manifest
from tsm_edge.specs import ModelSpec, StateSpec
from tsm_edge.targets import TARGETS

# No deadline: a slow machine is no failure.
hypothesis.settings.register_profile("tsm-edge", deadline=None, max_examples=50)
hypothesis.settings.load_profile("tsm-edge")


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this machine's user has tuned is no part of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    """A network of two classes and two shift buffers."""
    return ModelSpec(
        name="tiny",
        architecture="mobilenetv2",
        num_classes=2,
        labels=("No gesture", "Thumb Up"),
        trained=False,
        state=StateSpec(shapes=((1, 2, 8, 8), (1, 3, 4, 4))),
    )


@pytest.fixture(scope="session")
def manifest(spec: ModelSpec) -> Manifest:
    """A manifest without files."""
    return Manifest(
        model=spec,
        target=TARGETS["x86-64-v3"],
        precision="fp32",
        threads=1,
        abi_version=2,
        arena_bytes=4096,
        weight_bytes=64,
        kernels=(KernelRecord(name="k0", rule="pointwise", layer="head", flop=10, bytes_moved=20),),
        files={},
        verification=Verification(method="not run"),
        versions={"tsm-edge": "0.1.0"},
    )


@pytest.fixture
def bundle_path(tmp_path: Path, manifest: Manifest) -> Path:
    """A bundle whose library is no library: good for all that is asked before one is loaded."""
    path = tmp_path / "bundle"
    path.mkdir()
    rng = np.random.default_rng(0)
    (path / LIBRARY).write_bytes(hashlib.sha256(b"library").digest())
    np.save(path / GOLDEN_FRAMES, rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8))
    np.save(path / GOLDEN_LOGITS, rng.normal(size=(3, 2)).astype(np.float32))
    write_manifest(dataclasses.replace(manifest, files=record_files(path)), path)
    return path


@pytest.fixture(scope="session")
def compiled_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a real bundle for this machine, of a small network on frames of 32 pixels; nobody writes into it.

    It is the host bundle as a user's cache would hold it, were the default model that small.
    """
    import tsm_edge.export.model_choice as model_choice
    from tsm_edge.cache import host_bundle
    from tsm_edge.export import build_model

    small = build_model("mobilenetv2-0.5", image_size=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_choice, "default_model", lambda: small)
        return host_bundle(directory=tmp_path_factory.mktemp("cache"))
