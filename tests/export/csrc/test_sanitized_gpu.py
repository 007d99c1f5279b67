"""The GPU half under AddressSanitizer and UBSan, while each call of the driver fails once."""

import shutil
import subprocess

import pytest
from mock_gpu import MockGpu

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS
from tsm_edge.export.codegen import write_object
from tsm_edge.export.driver_source import plan_source
from tsm_edge.export.gpu_half import compile_gpu_half
from tsm_edge.export.link import DRIVER_SOURCES, GPU_SOURCES, RUN_SOURCES, c_source
from tsm_edge.export.plan import plan_network

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-lm", "-pthread", "-ldl")
# Of the driver, from the tool's start to its end there are fewer.
MOST_CALLS = 130


@pytest.fixture(scope="module", params=["fp32", "fp16"])
def folder(request, small_layers, gpu_bundle_for, tmp_path_factory):
    """A bundle's files with a tool that is compiled with sanitizers; zig has none for addresses, gcc has."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is missing; on Debian: apt-get install gcc libc6-dev")
    bundle, path = gpu_bundle_for(request.param), tmp_path_factory.mktemp(request.param)
    target, spec = bundle.manifest.target, bundle.manifest.model
    plan, gpu = plan_network(small_layers, target), compile_gpu_half(small_layers, target, request.param)
    (path / "plan.c").write_text(plan_source(plan, spec, target, 1, request.param) + gpu.source(spec))
    write_object(plan.kernels, target, path / "kernels.o")
    gpu.write_files(path)
    (path / "weights.bin").write_bytes(plan.weights)
    for name in (GOLDEN_FRAMES, GOLDEN_LOGITS):
        shutil.copyfile(bundle.file(name), path / name)
    sources = [path / "plan.c", *map(c_source, (*DRIVER_SOURCES, *GPU_SOURCES, *RUN_SOURCES))]
    include = f"-I{c_source('tsm_edge.h').parent}"
    command = [compiler, *SANITIZERS, include, *sources, path / "kernels.o", *FLAGS, "-o", path / "tsm-run"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if "cannot find" in done.stderr:
        pytest.skip("gcc has no sanitizers here; on Debian: apt-get install gcc libc6-dev")
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def machine(folder, mock_libraries, mock_kernels, tmp_path):
    return MockGpu(
        mock_libraries(True), mock_kernels("fp16" if folder.name.startswith("fp16") else "fp32"), tmp_path
    )


def test_session_touches_its_own_memory_and_frees_it(machine, folder):
    done = machine.run(folder / "tsm-run", folder, "--device", "gpu")
    assert done.stderr == ""
    assert "golden stream equal" in done.stdout


def test_any_failing_call_leaves_nothing_behind(machine, folder):
    for number in range(1, MOST_CALLS):
        told = {"MOCK_CUDA_FAIL": str(number), "MOCK_CUDA_IDLE": "1", "MOCK_CUDA_LEAKS": "0"}
        for kept in folder.glob("*.cubin"):
            kept.unlink()
        command = [str(folder / "tsm-run"), str(folder), "--frames", "1"]
        done = subprocess.run(
            command, env={**machine.environment, **told}, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 1), f"call {number}: {done.stderr}"
        assert "Sanitizer" not in done.stderr, f"call {number}: {done.stderr}"
        assert "runtime error" not in done.stderr, f"call {number}: {done.stderr}"
