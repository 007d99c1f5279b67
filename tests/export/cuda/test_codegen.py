import re

import pytest
import tvm
import tvm_ffi

from tsm_edge.errors import CompileError
from tsm_edge.export.cuda.codegen import COMPILED, PRELUDE, SEEN, cuda_source
from tsm_edge.export.cuda.emitter import Arithmetic, build_kernel
from tsm_edge.export.cuda.plan import plan_gpu
from tsm_edge.export.link import c_source
from tsm_edge.targets.gpu import JETSON_NANO_GPU


@pytest.fixture(scope="module")
def source(small_layers):
    return plan_gpu(small_layers, JETSON_NANO_GPU, "fp16").cuda_source


def test_source_is_complete_and_plain(source):
    """No header, nothing of a warp, one grid: what NVRTC compiles alone, and the CPU of the tests runs."""
    assert "#include" not in source
    prelude, kernels = (
        source[: len(c_source(PRELUDE).read_text())],
        source[len(c_source(PRELUDE).read_text()) :],
    )
    assert prelude == c_source(PRELUDE).read_text()
    assert "asm" not in kernels
    for word in ("shfl", "__syncwarp", "cooperative", "tex", "atomic", "volatile"):
        assert word not in kernels, word
    assert set(re.findall(r"\btsm_\w+", kernels)) <= set(re.findall(r"\btsm_\w+", prelude))


def test_hooks_of_tvm_are_as_before():
    before = {name: tvm_ffi.get_global_func(name, allow_missing=True) for name in (SEEN, COMPILED)}
    kernel = build_kernel(
        "k",
        {"x": ("float", 4)},
        Arithmetic("float"),
        (1, 1, 1),
        4,
        lambda e: e.store(e["x"], e.thread, e.constant(1)),
    )
    assert " k(float* __restrict__ x)" in cuda_source([kernel], "sm_53")
    for name, function in before.items():
        now = tvm_ffi.get_global_func(name, allow_missing=True)
        assert (now is None) == (function is None)


def test_what_tvm_refuses_is_one_line(monkeypatch):
    def refuse(*_):
        raise ValueError("InternalError: no\nsuch thing")

    monkeypatch.setattr(tvm, "get_global_func", lambda _: refuse)
    with pytest.raises(CompileError, match="TVM cannot write CUDA C for sm_53") as refused:
        cuda_source([], "sm_53")
    assert "\n" not in str(refused.value)
