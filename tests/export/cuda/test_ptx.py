"""CUDA C to PTX to machine code with NVIDIA's own tools: what a Jetson Nano's driver would be given."""

import importlib.util
import re

import pytest

from tsm_edge.errors import CompileError, MissingDependencyError
from tsm_edge.export import build_model, export_onnx
from tsm_edge.export.cuda import check_ptx, compile_ptx, plan_gpu
from tsm_edge.export.cuda.nvrtc import ptx_version
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.targets.gpu import JETSON_NANO_GPU, JETSON_ORIN_NANO_GPU

KERNEL = 'extern "C" __global__ void __launch_bounds__(32) k(float* __restrict__ x) {{ {} }}'
GPUS = [JETSON_NANO_GPU, JETSON_ORIN_NANO_GPU]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The default network at its own size: tiles, and so registers, follow from the shapes."""
    path = tmp_path_factory.mktemp("default") / "model.onnx"
    export_onnx(build_model("mobilenetv2"), path)
    return fuse_layers(read_graph(import_relax(path)))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_nano_takes_the_default_network(network, precision):
    plan = plan_gpu(network, JETSON_NANO_GPU, precision)
    ptx = compile_ptx(plan.cuda_source, JETSON_NANO_GPU)
    assert ptx_version(ptx) <= (6, 5), "what CUDA 10.2's driver takes"
    assert re.search(r"^\.target sm_53$", ptx, re.MULTILINE)
    resources = {each.name: each for each in check_ptx(ptx, JETSON_NANO_GPU)}
    assert resources.keys() == {call.kernel.name for call in plan.calls}
    assert [name for name, each in resources.items() if each.spills] == []
    for kernel in plan.kernels:
        assert resources[kernel.name].shared_bytes == kernel.shared_bytes <= 48 << 10
        assert resources[kernel.name].registers * kernel.block[0] <= JETSON_NANO_GPU.block_registers
    assert len(plan.calls) == 53


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.arch)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_drivers_take_a_small_network(small_layers, gpu, precision):
    ptx = compile_ptx(plan_gpu(small_layers, gpu, precision).cuda_source, gpu)
    assert ptx_version(ptx) <= gpu.ptx_version
    assert not any(each.spills for each in check_ptx(ptx, gpu))


def test_refusals_name_the_line():
    with pytest.raises(
        CompileError, match=r"NVRTC cannot compile .* compute_53: kernels.cu\(1\): error: "
    ) as refused:
        compile_ptx(KERNEL.format("x[0] = y;"), JETSON_NANO_GPU)
    assert "\n" not in str(refused.value)
    ptx = compile_ptx(KERNEL.format("x[0] = 1.0f;"), JETSON_NANO_GPU)
    with pytest.raises(CompileError, match="ptxas refuses the PTX for sm_53") as refused:
        check_ptx(
            ptx.replace("st.global.u32", "st.nowhere.u32").replace("st.global.f32", "st.nowhere.f32"),
            JETSON_NANO_GPU,
        )
    assert "\n" not in str(refused.value)
    with pytest.raises(CompileError, match="names no version"):
        ptx_version("nothing")


def test_what_lies_in_local_memory_is_seen():
    body = "float a[64]; for (int i = 0; i < 64; i++) a[(int)x[i]] = x[64 + i]; x[0] = a[(int)x[1]];"
    (resources,) = check_ptx(compile_ptx(KERNEL.format(body), JETSON_NANO_GPU), JETSON_NANO_GPU)
    assert resources.spills
    assert resources.stack_bytes >= 256


def test_older_drivers_refuse_what_ptx_cannot_say_there():
    """The version is lowered in good faith: ptxas finds out where something newer is used."""
    ptx = compile_ptx(KERNEL.format("x[0] = 1.0f;"), JETSON_NANO_GPU)
    newer = ptx.replace(
        "ret;", "{.reg .pred p; .reg .b32 r; createpolicy.fractional.L2::evict_last.b64 r, 1.0;} ret;"
    )
    with pytest.raises(CompileError, match="ptxas refuses"):
        check_ptx(newer, JETSON_NANO_GPU)


@pytest.mark.parametrize("package", ["cuda_nvrtc", "cuda_nvcc"])
def test_missing_packages_say_how_to_get_them(monkeypatch, package):
    from tsm_edge.export.cuda import nvidia

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tsm-edge\[cuda\]'") as missing:
        nvidia.nvidia_folder(package)
    assert "\n" not in str(missing.value)
