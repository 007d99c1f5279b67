"""A bundle in memory: the door to the device half."""

import threading
import weakref
from pathlib import Path
from types import TracebackType

from tsm_edge.bundle import Bundle
from tsm_edge.errors import UsageError
from tsm_edge.runtime.backends.base import Backend, device_of
from tsm_edge.runtime.backends.table import open_backend
from tsm_edge.runtime.events import EventCallback
from tsm_edge.runtime.stream import Stream
from tsm_edge.specs import ModelSpec

__all__ = ["Session"]


class Session:
    """One set of weights and any number of streams, which may run in threads of their own.

        with Session.load("dist/mobilenetv2-host-fp32") as session:
            stream = session.open_stream()
            prediction = stream.step(frame)

    Attributes:
        bundle: Where the weights come from.
        backend: The engine that runs them.
    """

    def __init__(self, bundle: Bundle, backend: Backend) -> None:
        self.bundle = bundle
        self.backend = backend
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def load(
        cls, path: str | Path, threads: int | None = None, backend: str = "tvm", device: str = "auto"
    ) -> "Session":
        """Load a bundle.

        Args:
            path: The bundle's folder.
            threads: How many cores one frame may use; None takes the bundle's default.
            backend: "tvm" (the compiled library), "onnxruntime" or "torch".
            device: "cpu", "gpu", or "auto": a GPU where the bundle has kernels for one and it works, else the CPU.

        Raises:
            BundleError: No bundle there, an incomplete one, or one for another processor.
            DeviceError: A GPU was demanded and cannot be used.
            MissingDependencyError: The engine's package is not installed.
            UsageError: No such backend, or fewer threads than one.
        """
        bundle = Bundle.open(path)
        return cls(bundle, open_backend(backend, bundle, threads, device))

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self.bundle.manifest.model

    @property
    def device(self) -> str:
        """What computes: "cpu", or "gpu" and the GPU's name."""
        return device_of(self.backend)

    def open_stream(self, *, smoothing: bool = True, on_event: EventCallback | None = None) -> Stream:
        """A new stream with empty memory, for one camera or video.

        Args:
            smoothing: False shows every single frame's label, see `tsm_edge.runtime.smoothing`.
            on_event: Called in the stepping thread for every gesture that starts or ends.

        Raises:
            UsageError: The session is closed.
        """
        with self._lock:
            if self._closed:
                raise UsageError("this session is closed; load the bundle again with Session.load()")
            stream = Stream(self.backend.open_stream, self.spec, smoothing=smoothing, on_event=on_event)
            self._streams.add(stream)
        return stream

    def close(self) -> None:
        """Close all streams and free the weights; waits for frames that are being predicted."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            streams = list(self._streams)
        for stream in streams:
            stream.close()
        self.backend.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
