"""Bundles with a GPU half, and a machine on which it runs: the mock of tests/mock_cuda."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from mock_gpu import MockGpu, build_mock, kernels_for

from tsm_edge.bundle import Bundle
from tsm_edge.export import compile_bundle
from tsm_edge.targets import get_target


@pytest.fixture(scope="session")
def gpu_bundle_for(exported_once, tmp_path_factory) -> Callable[[str], Bundle]:
    """The small network's bundle for this machine with a GPU, by precision; nobody writes into it but the cache."""

    @cache
    def compile_(precision: str) -> Bundle:
        path = tmp_path_factory.mktemp("cuda") / precision
        return compile_bundle(exported_once, get_target("cuda"), path, precision=precision).bundle

    return compile_


@pytest.fixture(scope="session")
def mock_libraries(tmp_path_factory) -> Callable[[bool], Path]:
    """The folder of a driver with graphs, or of one without."""

    @cache
    def build(graphs: bool = True) -> Path:
        return build_mock(tmp_path_factory.mktemp("libcuda"), graphs=graphs)

    return build


@pytest.fixture(scope="session")
def mock_kernels(gpu_bundle_for, tmp_path_factory) -> Callable[[str], Path]:
    """The GPU half's kernels of that precision, for the mock."""

    @cache
    def build(precision: str) -> Path:
        return kernels_for(gpu_bundle_for(precision), tmp_path_factory.mktemp("kernels"))

    return build


@pytest.fixture
def gpu_for(mock_libraries, mock_kernels, tmp_path) -> Callable[..., MockGpu]:
    """A machine whose driver has graphs or not, and that knows the kernels of one precision."""

    def machine(precision: str = "fp32", *, graphs: bool = True) -> MockGpu:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return MockGpu(mock_libraries(graphs), mock_kernels(precision), home)

    return machine


@pytest.fixture
def gpu(gpu_for) -> MockGpu:
    """A machine with a GPU."""
    return gpu_for()


@pytest.fixture
def copy(gpu_bundle_for, tmp_path) -> Path:
    """A bundle with a GPU half to write into; no compiled kernels lie beside it."""
    return Path(
        shutil.copytree(
            gpu_bundle_for("fp32").path, tmp_path / "copy", ignore=shutil.ignore_patterns("*.cubin*")
        )
    )
