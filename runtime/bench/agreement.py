"""Outputs are compared before anything is timed: a fast engine with wrong logits is not fast."""

from collections.abc import Mapping, Sequence

import numpy as np

from tsm_edge.errors import VerificationError
from tsm_edge.runtime.backends.base import BackendStream, Float32Array, device_of
from tsm_edge.tolerance import TOLERANCE, tolerance_on

__all__ = ["TOLERANCE", "check_agreement", "largest_difference", "replay"]


def check_agreement(
    streams: Mapping[str, BackendStream],
    frames: Sequence[Float32Array],
    expected: Float32Array,
    precision: str = "fp32",
) -> dict[str, float]:
    """Replay `frames` from zero buffers on every stream and compare.

    Args:
        streams: The engines by name; reset before and after.
        frames: T frames, (1, 3, H, W) float32.
        expected: The reference's logits, (T, num_classes).
        precision: The bundle's, which loosens what is accepted on its GPU.

    Returns:
        Largest difference as a share of the largest logit, by name.

    Raises:
        VerificationError: An engine differs by more than is accepted on its device.
    """
    differences = {
        name: largest_difference(replay(stream, frames), expected) for name, stream in streams.items()
    }
    for name, difference in differences.items():
        tolerance = tolerance_on(device_of(streams[name]), precision)
        if not difference <= tolerance:  # also true for NaN
            raise VerificationError(
                f"backend {name} differs from the reference by {difference:.1e} of the largest logit over "
                f"{len(frames)} frames, {tolerance:.0e} is accepted; nothing was timed; compile it again"
            )
    return differences


def replay(stream: BackendStream, frames: Sequence[Float32Array]) -> Float32Array:
    """Logits (T, num_classes) of T frames from zero buffers."""
    stream.reset()
    logits = np.stack([np.array(stream.step(frame), dtype=np.float32).reshape(-1) for frame in frames])
    stream.reset()
    return logits


def largest_difference(logits: Float32Array, expected: Float32Array) -> float:
    """Largest absolute difference over the largest expected logit; NaN where one is not finite."""
    if logits.shape != expected.shape:
        return float("inf")
    scale = float(np.abs(expected).max())
    return float(np.abs(logits - expected).max()) / scale if scale > 0 else float("nan")
