"""A backend of the runtime around any engine that runs the bundle's ONNX file as a function of arrays."""

from tsm_edge.runtime.backends.array_stream import ArrayStream, Infer
from tsm_edge.specs import ModelSpec

__all__ = ["PeerBackend"]


class PeerBackend:
    """The network in another engine; its streams share the weights and step one at a time.

    Attributes:
        infer: The engine.
    """

    def __init__(self, name: str, infer: Infer, spec: ModelSpec, threads: int) -> None:
        self.name = name
        self.spec = spec
        self.threads = threads
        self.infer = infer

    def open_stream(self) -> ArrayStream:
        """A new stream with zero shift buffers."""
        return ArrayStream(self.infer, self.spec.state)

    def close(self) -> None:
        """Nothing outlives the object."""
