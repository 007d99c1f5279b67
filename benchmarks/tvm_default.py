"""TVM as it comes: the bundle's ONNX file through `relax.build` with no schedule of ours, in the Relax VM.

It shows what the kernels and the plan of this project add to TVM. Its loops run on one thread.
"""

import numpy as np
import tvm
from tvm import relax

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.export.relax_import import import_relax
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import ModelSpec

__all__ = ["TvmDefaultBackend", "open_backend"]


class TvmDefaultStream:
    """One stream: the shift buffers are tensors that go in and come out with every frame."""

    def __init__(self, machine: relax.VirtualMachine, spec: ModelSpec) -> None:
        self._machine = machine
        self._spec = spec
        self.reset()

    def step(self, frame: Float32Array) -> Float32Array:
        """Logits (num_classes,) of one frame (1, 3, H, W); advances the state."""
        logits, *self._buffers = self._machine["main"](tvm.runtime.tensor(frame), *self._buffers)
        return np.asarray(logits.numpy()[0])

    def reset(self) -> None:
        """Zero shift buffers."""
        self.load_state(tuple(np.zeros(shape, np.float32) for shape in self._spec.state.shapes))

    def state(self) -> tuple[Float32Array, ...]:
        """A copy of the shift buffers."""
        return tuple(buffer.numpy() for buffer in self._buffers)

    def load_state(self, buffers: tuple[Float32Array, ...]) -> None:
        """Replace the shift buffers."""
        self._buffers = [tvm.runtime.tensor(buffer) for buffer in buffers]

    def close(self) -> None:
        """Free the shift buffers."""
        self._buffers = []


class TvmDefaultBackend:
    """The network as TVM compiles it by default."""

    name = "tvm-default"
    threads = 1

    def __init__(self, bundle: Bundle) -> None:
        self.spec = bundle.manifest.model
        target = bundle.manifest.target
        processor = {"mtriple": target.triple, "mcpu": target.cpu, "mattr": list(target.features)}
        executable = relax.build(
            import_relax(bundle.file(ONNX_MODEL)), tvm.target.Target({"kind": "llvm", **processor})
        )
        self._machine = relax.VirtualMachine(executable, tvm.cpu())

    def open_stream(self) -> TvmDefaultStream:
        """A new stream with zero shift buffers."""
        return TvmDefaultStream(self._machine, self.spec)

    def close(self) -> None:
        """Nothing outlives the object."""


def open_backend(bundle: Bundle) -> TvmDefaultBackend:
    """Compile the bundle's ONNX file for the bundle's target."""
    return TvmDefaultBackend(bundle)
