"""One library for all kernels of a test file and machine."""

from collections.abc import Callable, Mapping

import pytest
from kernel_lab import MACHINES, KernelLab

from tsm_edge.export.layers import Layer


@pytest.fixture(scope="session")
def compile_kernels(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Mapping[str, Layer], str], KernelLab]:
    """Kernels of these layers, written for the machine of that name, ready to be called here."""

    def compile_(layers: Mapping[str, Layer], machine: str) -> KernelLab:
        return KernelLab.compile(layers, MACHINES[machine], tmp_path_factory.mktemp("kernels"))

    return compile_


@pytest.fixture(scope="module", params=MACHINES)
def kernels(
    request: pytest.FixtureRequest, compile_kernels: Callable[[Mapping[str, Layer], str], KernelLab]
) -> KernelLab:
    """The file's `LAYERS`, written for one machine after the other."""
    return compile_kernels(request.module.LAYERS, request.param)
