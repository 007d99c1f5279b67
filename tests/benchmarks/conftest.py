"""The scripts of benchmarks/, which are no package: their folder is on the path while a test uses them."""

import sys
from pathlib import Path

import pytest
from tiny_bundle import write_tiny_bundle

from tsm_edge.bundle import Bundle
from tsm_edge.runtime.bench import BenchOptions, BenchRecord, benchmark

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="session", autouse=True)
def scripts_on_the_path():
    sys.path.insert(0, str(SCRIPTS))
    yield SCRIPTS
    sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))


@pytest.fixture(scope="session")
def record(tiny: Bundle) -> BenchRecord:
    options = BenchOptions(
        backends=("onnxruntime",), num_frames=6, warmup=1, command="python benchmarks/latency.py"
    )
    return benchmark(tiny, options)
