"""The engines of one benchmark: opened together, closed together, and those that cannot run here named."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from tsm_edge.bundle import Bundle
from tsm_edge.errors import BundleMismatchError, MissingDependencyError, TsmEdgeError
from tsm_edge.runtime.backends.base import Backend, BackendStream
from tsm_edge.runtime.backends.table import open_backend

__all__ = ["DEFAULT_BACKENDS", "Engines", "Opener", "backend_openers", "open_engines"]

Opener = Callable[[], Backend]

# The compiled library and the engine that a device would use without it.
DEFAULT_BACKENDS = ("tvm", "onnxruntime")


@dataclass(frozen=True)
class Engines:
    """One stream of each engine.

    Attributes:
        streams: Ready to step, by the engine's name, in the order asked for.
        skipped: Why an engine is not among them.
    """

    streams: dict[str, BackendStream]
    skipped: dict[str, str]


def backend_openers(
    names: tuple[str, ...], bundle: Bundle, threads: int, device: str = "auto"
) -> dict[str, Opener]:
    """How to open each of the runtime's backends: the same number of threads for all, a device for the compiled one."""
    devices = {name: device if name == "tvm" else "auto" for name in names}
    return {name: partial(open_backend, name, bundle, threads, devices[name]) for name in names}


@contextmanager
def open_engines(openers: Mapping[str, Opener], *, skip_missing: bool) -> Iterator[Engines]:
    """Open a stream on each engine until the block ends.

    An engine whose library was made for another machine is skipped.

    Args:
        openers: Loads each engine.
        skip_missing: Also skip an engine whose package is not installed.

    Raises:
        MissingDependencyError: A package is not installed and `skip_missing` is off.
        TsmEdgeError: No engine could run; the first one's reason.
    """
    may_skip = (BundleMismatchError, MissingDependencyError) if skip_missing else (BundleMismatchError,)
    streams: dict[str, BackendStream] = {}
    failures: dict[str, TsmEdgeError] = {}
    with ExitStack() as stack:
        for name, opener in openers.items():
            try:
                streams[name] = _open_stream(opener, stack)
            except may_skip as failure:
                failures[name] = failure
        if not streams:
            raise next(iter(failures.values()))
        yield Engines(streams, {name: str(failure) for name, failure in failures.items()})


def _open_stream(opener: Opener, stack: ExitStack) -> BackendStream:
    backend = opener()
    stack.callback(backend.close)
    stream = backend.open_stream()
    stack.callback(stream.close)
    return stream
