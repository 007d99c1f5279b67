"""A small real network on ONNX Runtime, for all tests of the device half."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_bundle import write_tiny_bundle

from tsm_edge.runtime import Session


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a bundle; nobody writes into it."""
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def session(tiny_path: Path) -> Iterator[Session]:
    with Session.load(tiny_path, backend="onnxruntime") as opened:
        yield opened
