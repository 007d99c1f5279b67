"""Every error that a caller may catch.

TsmEdgeError
├── UsageError              the command or call is wrong; the CLI exits with 2
│   ├── UnknownTargetError
│   └── UnknownModelError
├── MissingDependencyError  an optional half is not installed
├── FetchError              a published file cannot be downloaded, or what came is something else
├── CheckpointError         a checkpoint is truncated, foreign, wrongly shaped or malicious
├── ExportError             the ONNX model does not do what the torch model does
├── CompileError            TVM, a kernel rule or the linker refused
├── DataError               a data set has no layout that is known, or a clip cannot be read
├── TrainingError           a training run cannot start, go on or end well
├── TuningError             a tuning database is broken, or nothing can measure
├── BundleError             a bundle is incomplete, altered or of another schema
│   ├── BundleMismatchError made for another architecture or ABI
│   └── VerificationError   the replayed golden stream differs
├── DeviceError             a GPU was demanded and cannot be used, or it failed
├── FrameError              a frame has the wrong shape, dtype or values
├── StateError              a saved state does not fit this stream
├── SourceError             a video, camera or picture sequence cannot be read
├── RemoteError             another machine cannot be reached, or refused what was asked of it
└── OutputError             a result cannot be written

A message says what was given, what would be accepted and what to do next, in one line.
"""

__all__ = [
    "BundleError",
    "BundleMismatchError",
    "CheckpointError",
    "CompileError",
    "DataError",
    "DeviceError",
    "ExportError",
    "FetchError",
    "FrameError",
    "MissingDependencyError",
    "OutputError",
    "RemoteError",
    "SourceError",
    "StateError",
    "TrainingError",
    "TsmEdgeError",
    "TuningError",
    "UnknownModelError",
    "UnknownTargetError",
    "UsageError",
    "VerificationError",
]


class TsmEdgeError(Exception):
    """Root of all errors that tsm-edge raises on purpose."""


class UsageError(TsmEdgeError):
    """The command or call itself is wrong; the CLI exits with 2."""


class UnknownTargetError(UsageError):
    """No target of that name, or one whose processor is unknown."""


class UnknownModelError(UsageError):
    """No model of that name."""


class MissingDependencyError(TsmEdgeError):
    """An optional package is not installed."""


class FetchError(TsmEdgeError):
    """A published file could not be downloaded; what was cached before is as it was."""


class CheckpointError(TsmEdgeError):
    """A checkpoint cannot be read or does not describe a known network."""


class ExportError(TsmEdgeError):
    """The exported ONNX model failed one of its proofs."""


class CompileError(TsmEdgeError):
    """A model could not be compiled or linked for a target."""


class DataError(TsmEdgeError):
    """A data set's layout is not known, or its clips cannot be read."""


class TrainingError(TsmEdgeError):
    """A training run cannot start, go on or end well."""


class TuningError(TsmEdgeError):
    """A tuning database is broken, or nothing is left that can measure kernels."""


class BundleError(TsmEdgeError):
    """A bundle is incomplete, altered or of another schema version."""


class BundleMismatchError(BundleError):
    """A bundle was made for another architecture, system or ABI."""


class VerificationError(BundleError):
    """A bundle's golden stream was replayed and came out differently."""


class DeviceError(TsmEdgeError):
    """A GPU was demanded and cannot be used, or it failed while it computed."""


class FrameError(TsmEdgeError, ValueError):
    """A frame has the wrong shape, dtype or values."""


class StateError(TsmEdgeError, ValueError):
    """A saved state does not fit the stream it is loaded into."""


class SourceError(TsmEdgeError):
    """A video source cannot be opened or read."""


class RemoteError(TsmEdgeError):
    """Another machine cannot be reached, or refused what was asked of it; nothing there is half written."""


class OutputError(TsmEdgeError):
    """A result could not be written; nothing is left half written."""
