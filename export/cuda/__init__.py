"""The GPU half of the host: fused layers -> kernels by rule -> CUDA C -> PTX, and the tables of the driver."""

from tsm_edge.export.cuda.nvrtc import compile_ptx
from tsm_edge.export.cuda.plan import GpuPlan, plan_gpu
from tsm_edge.export.cuda.plan_source import gpu_plan_source
from tsm_edge.export.cuda.ptxas import KernelResources, check_ptx

__all__ = ["GpuPlan", "KernelResources", "check_ptx", "compile_ptx", "gpu_plan_source", "plan_gpu"]
