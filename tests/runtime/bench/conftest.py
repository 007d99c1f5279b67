"""The tiny bundle on a real engine, once a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_bundle import write_tiny_bundle

from tsm_edge.bundle import Bundle
from tsm_edge.runtime.backends.base import BackendStream
from tsm_edge.runtime.backends.table import open_backend
from tsm_edge.runtime.bench import BenchOptions, BenchRecord, benchmark


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(write_tiny_bundle(tmp_path_factory.mktemp("bench") / "tiny"))


@pytest.fixture
def stream(tiny: Bundle) -> Iterator[BackendStream]:
    backend = open_backend("onnxruntime", tiny, 1)
    opened = backend.open_stream()
    yield opened
    opened.close()
    backend.close()


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of moving noise, 64 x 48."""
    import cv2
    import numpy as np

    path = tmp_path_factory.mktemp("video") / "noise.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for picture in np.random.default_rng(0).integers(0, 256, (12, 48, 64, 3), dtype=np.uint8):
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture(scope="session")
def record(tiny: Bundle) -> BenchRecord:
    """A whole benchmark of one engine, cold start included."""
    options = BenchOptions(backends=("onnxruntime",), num_frames=30, warmup=2, command="tsm-edge bench tiny")
    return benchmark(tiny, options)
