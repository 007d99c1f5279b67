"""Clips and settings with which training takes a second."""

from pathlib import Path

import pytest
from moving_shapes import write_folders

from tsm_edge.export import TrainingOptions, build_model, save_checkpoint


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """Two directions, six clips each; nobody writes into it."""
    return write_folders(tmp_path_factory.mktemp("clips"), 6)


@pytest.fixture
def options() -> TrainingOptions:
    return TrainingOptions(epochs=2, image_size=32, num_segments=4, batch_size=4, workers=0)


@pytest.fixture(scope="session")
def start(tmp_path_factory) -> Path:
    """A checkpoint of the network that the runs train."""
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    save_checkpoint(build_model("mobilenetv2-0.5", image_size=32), path)
    return path
