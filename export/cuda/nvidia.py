"""Where NVIDIA's compilers are: packages of pip's, which need no GPU and no driver."""

import importlib.util
from pathlib import Path

from tsm_edge.errors import MissingDependencyError

__all__ = ["CUDA_PACKAGES", "nvidia_folder"]

# 11.8 is the last release whose ptxas and NVRTC know Maxwell (Jetson Nano) without a warning, and knows Orin as well.
CUDA_PACKAGES = {
    "cuda_nvrtc": "nvidia-cuda-nvrtc-cu11==11.8.89",
    "cuda_nvcc": "nvidia-cuda-nvcc-cu11==11.8.89",
}


def nvidia_folder(package: str) -> Path:
    """The folder of `nvidia.<package>`, one of `CUDA_PACKAGES`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        found = importlib.util.find_spec(f"nvidia.{package}")
    except ModuleNotFoundError:
        found = None
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise MissingDependencyError(
            f"compiling for a GPU needs NVIDIA's {package.partition('_')[2]}: "
            f"pip install 'tsm-edge[cuda]', or pip install {CUDA_PACKAGES[package]}"
        )
    return Path(places[0])
