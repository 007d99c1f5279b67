import subprocess
import sys

import numpy as np
import pytest
from cuda_on_cpu import CpuKernels, build_cpu_kernels

SOURCE = """
extern "C" __global__ void __launch_bounds__(64) reversed(float* __restrict__ x, float* __restrict__ y);
extern "C" __global__ void __launch_bounds__(64) reversed(float* __restrict__ x, float* __restrict__ y) {
  __shared__ alignas(64) float line[64];
  line[(int)threadIdx.x] = x[(int)blockIdx.x * 64 + (int)threadIdx.x];
  __syncthreads();
  y[(int)blockIdx.x * 64 + (int)threadIdx.x] = line[63 - (int)threadIdx.x];
}
extern "C" __global__ void __launch_bounds__(64) unsynchronised(float* __restrict__ x, float* __restrict__ y) {
  __shared__ alignas(64) float line[64];
  __shared__ alignas(64) float other[64];
  line[(int)threadIdx.x] = x[(int)threadIdx.x];
  if (x[0] != x[0]) other[0] = x[0];
  y[(int)threadIdx.x] = line[63 - (int)threadIdx.x];
  __syncthreads();
  y[64 + (int)threadIdx.x] = other[(int)threadIdx.x];
}
extern "C" __global__ void __launch_bounds__(64) diverging(float* __restrict__ x) {
  if (threadIdx.x < 7) { __syncthreads(); }
}
extern "C" __global__ void __launch_bounds__(12) indices(uint4* __restrict__ y) {
  unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  y[block * 12 + thread] = uint4{thread, threadIdx.z, block, blockIdx.z};
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return build_cpu_kernels(SOURCE, tmp_path_factory.mktemp("cuda"))


@pytest.fixture(scope="module")
def kernels(library):
    return CpuKernels(library)


def test_threads_of_a_block_meet_at_barriers(kernels):
    x, y = np.arange(192, dtype=np.float32), np.empty(192, np.float32)
    kernels.launch("reversed", (3, 1, 1), (64, 1, 1), [x.ctypes.data, y.ctypes.data])
    np.testing.assert_array_equal(y.reshape(3, 64), x.reshape(3, 64)[:, ::-1])


def test_what_a_barrier_should_have_separated_is_not_a_number(kernels):
    x, y = np.arange(64, dtype=np.float32), np.zeros(128, np.float32)
    kernels.launch("unsynchronised", (1, 1, 1), (64, 1, 1), [x.ctypes.data, y.ctypes.data])
    assert np.isnan(y[:32]).all()
    assert np.isnan(y[64:]).all(), "shared memory that nobody wrote"


def test_indices_count_as_in_cuda(kernels):
    y = np.zeros((2 * 3 * 4, 2 * 2 * 3, 4), np.uint32)
    kernels.launch("indices", (2, 3, 4), (2, 2, 3), [y.ctypes.data])
    blocks, threads = np.indices(y.shape[:2])
    np.testing.assert_array_equal(y, np.stack([threads, threads // 4, blocks, blocks // 6], axis=-1))


def test_arity_is_known_and_launches_are_checked(kernels):
    assert [kernels.num_params(name) for name in ("reversed", "diverging", "none")] == [2, 1, -1]
    x = np.zeros(128, np.float32)
    with pytest.raises(AssertionError, match="returned -2"):
        kernels.launch("reversed", (1, 1, 1), (128, 1, 1), [x.ctypes.data, x.ctypes.data])


def test_barrier_that_not_all_threads_reach_ends_the_process(library):
    code = (
        "import numpy as np; from cuda_on_cpu import CpuKernels; from pathlib import Path; x = np.zeros(1)\n"
        f"CpuKernels(Path({str(library)!r})).launch('diverging', (1, 1, 1), (64, 1, 1), [x.ctypes.data])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=__file__.rpartition("/")[0],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode < 0
    assert "57 of 64 threads miss a barrier" in done.stderr
