"""Does a bundle do here what it did where it was made? Every hash, then its golden stream, twice."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsm_edge.bundle import Bundle
from tsm_edge.errors import BundleError, VerificationError
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.preprocess import normalise
from tsm_edge.runtime.session import Session
from tsm_edge.runtime.stream import Stream
from tsm_edge.tolerance import TOLERANCE, tolerance_on

__all__ = ["TOLERANCE", "VerifyReport", "verify_bundle"]


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What was found in order.

    Attributes:
        bundle: The bundle's folder.
        model: Name of its model.
        weights_note: "untrained weights", or nothing.
        backend: The engine that replayed the golden stream.
        device: What it computed on: "cpu", or "gpu" and the GPU's name.
        threads: On how many threads.
        num_files: How many files have the SHA-256 that the manifest says.
        num_frames: Length of the golden stream.
        max_relative_error: Largest difference to the golden logits, as a share of the largest of them.
        tolerance: What was accepted.
    """

    bundle: str
    model: str
    weights_note: str
    backend: str
    device: str
    threads: int
    num_files: int
    num_frames: int
    max_relative_error: float
    tolerance: float = TOLERANCE


def verify_bundle(
    path: str | Path, backend: str = "tvm", threads: int | None = None, device: str = "auto"
) -> VerifyReport:
    """Check every file of the bundle in `path`, then replay its golden stream, reset, and replay it again.

    Raises:
        BundleError: A file is missing or altered, or the golden stream does not fit the model.
        BundleMismatchError: The bundle is for another processor.
        VerificationError: A replay differs by more than is accepted on its device, at first or after the reset.
        MissingDependencyError, DeviceError, UsageError: As `Session.load`.
    """
    num_files = Bundle.open(path).check_files()
    with Session.load(path, threads=threads, backend=backend, device=device) as session:
        error = _replay_twice(session)
        return VerifyReport(
            bundle=str(path),
            model=session.spec.name,
            weights_note=session.spec.weights_note,
            backend=backend,
            device=session.device,
            threads=session.backend.threads,
            num_files=num_files,
            num_frames=len(session.bundle.golden_frames),
            max_relative_error=error,
            tolerance=tolerance_on(session.device, session.bundle.manifest.precision),
        )


def _replay_twice(session: Session) -> float:
    golden = _golden_logits(session)
    stream = session.open_stream()
    first = _checked_replay(session, stream, golden, "")
    stream.reset()
    return max(first, _checked_replay(session, stream, golden, " after a reset"))


def _checked_replay(session: Session, stream: Stream, golden: Float32Array, when: str) -> float:
    frames = (normalise(frame, session.spec.preprocess) for frame in session.bundle.golden_frames)
    logits = np.stack([stream.step_tensor(frame).logits for frame in frames])
    error = float(np.abs(logits - golden).max() / max(np.abs(golden).max(), np.finfo(np.float32).tiny))
    tolerance = tolerance_on(session.device, session.bundle.manifest.precision)
    if not error <= tolerance:
        raise VerificationError(
            f"{session.bundle.path} on {session.backend.name} ({session.device}){when}: the golden stream differs by "
            f"{error:.1e} of the largest logit, accepted is {tolerance:.0e}; compile it again for this device"
        )
    return error


def _golden_logits(session: Session) -> Float32Array:
    bundle, spec = session.bundle, session.spec
    _, _, height, width = spec.input_shape
    frames, logits = bundle.golden_frames.shape, bundle.golden_logits.shape
    if frames[:1] == (0,) or frames[1:] != (height, width, 3) or logits != (frames[0], spec.num_classes):
        raise BundleError(
            f"{bundle.path}: golden frames {frames} and logits {logits} do not fit {spec.name}; "
            "compile the bundle again"
        )
    return bundle.golden_logits
