"""PyTorch on an NVIDIA GPU as others would run it: torch.compile, and the whole frame as one CUDA graph.

Frame and logits go through pinned memory and the state stays on the GPU, as in the bundle's own driver, so that the two
do the same work. Single precision means it: no TF32.
"""

from typing import Any

import numpy as np
import torch

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import DeviceError
from tsm_edge.export.torch_backend import load_streaming_model
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import ModelSpec

__all__ = ["TorchGpuBackend", "gpu_arch", "open_backend"]

# Before a graph is recorded, libraries must have chosen their kernels and got their memory.
WARMUP_FRAMES = 3


def gpu_arch() -> str:
    """Compute capability of the GPU that PyTorch sees, such as "sm_90".

    Raises:
        DeviceError: It sees none.
    """
    if not torch.cuda.is_available():
        raise DeviceError(
            f"PyTorch {torch.__version__} sees no NVIDIA GPU; run this on a machine that has one, "
            "with PyTorch's CUDA build"
        )
    major, minor = torch.cuda.get_device_capability()
    return f"sm_{major}{minor}"


class TorchGpuStream:
    """One camera: static tensors that a recorded graph reads and writes.

    Attributes:
        device: "gpu" and the GPU's name.
    """

    def __init__(self, streaming: Any, spec: ModelSpec, dtype: torch.dtype) -> None:
        self.device = f"gpu {torch.cuda.get_device_name()}"
        self._model = torch.compile(streaming)
        self._pinned_frame = torch.empty(spec.input_shape, dtype=torch.float32, pin_memory=True)
        self._pinned_logits = torch.empty(spec.num_classes, dtype=torch.float32, pin_memory=True)
        self._frame = torch.zeros(spec.input_shape, dtype=torch.float32, device="cuda")
        self._logits = torch.zeros(spec.num_classes, dtype=torch.float32, device="cuda")
        self._state = [torch.zeros(shape, dtype=dtype, device="cuda") for shape in spec.state.shapes]
        self._dtype = dtype
        self._graph = torch.cuda.CUDAGraph()
        self._record()

    def step(self, frame: Float32Array) -> Float32Array:
        """Logits (num_classes,) of one frame (1, 3, H, W), float32, normalised; advances the state."""
        self._pinned_frame.copy_(torch.from_numpy(frame))
        self._graph.replay()
        torch.cuda.current_stream().synchronize()
        answer: Float32Array = self._pinned_logits.numpy().copy()
        return answer

    def reset(self) -> None:
        """Forget all frames: zero shift buffers."""
        for buffer in self._state:
            buffer.zero_()

    def state(self) -> tuple[Float32Array, ...]:
        """A copy of the shift buffers."""
        return tuple(buffer.float().cpu().numpy() for buffer in self._state)

    def load_state(self, buffers: tuple[Float32Array, ...]) -> None:
        """Replace the shift buffers; shapes are already checked."""
        for mine, buffer in zip(self._state, buffers, strict=True):
            mine.copy_(torch.from_numpy(np.ascontiguousarray(buffer)))

    def close(self) -> None:
        """Free the state."""
        self._state = []

    def _compute(self) -> None:
        with torch.inference_mode():
            self._frame.copy_(self._pinned_frame, non_blocking=True)
            frame = self._frame.to(dtype=self._dtype, memory_format=torch.channels_last)
            logits, *state = self._model(frame, *self._state)
            for mine, buffer in zip(self._state, state, strict=True):
                mine.copy_(buffer)
            self._logits.copy_(logits[0])
            self._pinned_logits.copy_(self._logits, non_blocking=True)

    def _record(self) -> None:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARMUP_FRAMES):
                self._compute()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        with torch.cuda.graph(self._graph):
            self._compute()
        self.reset()


class TorchGpuBackend:
    """The bundle's network, compiled by PyTorch for the GPU."""

    name = "torch-compile"
    threads = 1

    def __init__(self, bundle: Bundle) -> None:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        self.spec = bundle.manifest.model
        self.device = f"gpu {torch.cuda.get_device_name()}"
        self._dtype = torch.float16 if bundle.manifest.precision == "fp16" else torch.float32
        streaming = load_streaming_model(bundle.file(ONNX_MODEL))
        self._streaming = streaming.to(device="cuda", dtype=self._dtype, memory_format=torch.channels_last)

    def open_stream(self) -> TorchGpuStream:
        """A new stream with zero shift buffers; compiles and records it."""
        return TorchGpuStream(self._streaming, self.spec, self._dtype)

    def close(self) -> None:
        """The weights go with the last reference."""


def open_backend(bundle: Bundle) -> TorchGpuBackend:
    """Compile the bundle's ONNX file's network.

    Raises:
        DeviceError: PyTorch sees no GPU.
    """
    gpu_arch()
    return TorchGpuBackend(bundle)
