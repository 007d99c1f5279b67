"""Several networks as one: the average of their probabilities, such as of the two streams RGB and optical flow.

Source: the two streams of Simonyan and Zisserman, arXiv:1406.2199. TSM's published code averages logits unless it is
told to take probabilities; these are what networks of different modality have in common.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tsm_edge.errors import UsageError

__all__ = ["fused", "probabilities", "weight_parts"]

Float32Array = npt.NDArray[np.float32]


def fused(scores: Float32Array, parts: Sequence[float]) -> Float32Array:
    """Scores (clips, classes) of several networks' logits (networks, clips, classes).

    One network's logits stay as they are; those of several become probabilities, whose average is weighted by `parts`.
    """
    average: Float32Array = scores[0]
    if len(scores) > 1:
        average = np.tensordot(np.asarray(parts, np.float32), probabilities(scores), 1)
    return average


def weight_parts(weights: Sequence[float], num_scorers: int) -> tuple[float, ...]:
    """Each network's part in the average; they sum to 1, and without `weights` they are equal.

    Raises:
        UsageError: Another number of weights than of networks, or one that is not above 0.
    """
    if not weights:
        return (1 / num_scorers,) * num_scorers
    if len(weights) != num_scorers or not all(weight > 0 for weight in weights):
        given = ", ".join(f"{weight:g}" for weight in weights)
        raise UsageError(f"weights {given} for {num_scorers} networks; give one above 0 for each")
    return tuple(weight / sum(weights) for weight in weights)


def probabilities(logits: Float32Array) -> Float32Array:
    """Softmax over the last axis."""
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    parts: Float32Array = exponentials / exponentials.sum(-1, keepdims=True)
    return parts
