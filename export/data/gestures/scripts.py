"""What people do in a long made stream: gestures among other things, or nothing but other things."""

from collections.abc import Sequence

import numpy as np

from tsm_edge.export.data.gestures.labels import GESTURE_LABELS
from tsm_edge.export.data.gestures.renderer import GestureGenerator, GestureStream

__all__ = ["BACKGROUND", "made_stream", "script"]

# Labels that are no event.
BACKGROUND = GESTURE_LABELS[:2]
_NOTHING, _OTHER = range(2)

# How often other things come between two gestures, and how many then.
_OTHERS_CHANCE, _MOST_OTHERS = 0.4, 3
_NOTHING_CHANCE = 0.15


def script(number: int, count: int, *, labels: Sequence[str] = GESTURE_LABELS, seed: int = 0) -> list[int]:
    """`count` gestures, each of `labels` as often as possible, with other things between them.

    Args:
        number: Of the stream.
        count: How many gestures; 0 gives a stream of ten other things.
        labels: Which ones; those of the background are never counted as gestures.
        seed: Any integer.

    Returns:
        Indices into GESTURE_LABELS for `GestureGenerator.stream`.
    """
    rng = np.random.default_rng((seed, number))
    gestures = [GESTURE_LABELS.index(label) for label in labels if label not in BACKGROUND]
    decks = [rng.permutation(gestures) for _ in range(-(-count // len(gestures)))]
    shown: list[int] = []
    for gesture in np.concatenate([np.zeros(0, int), *decks])[:count].tolist():
        if rng.random() < _OTHERS_CHANCE:
            shown += [_OTHER] * int(rng.integers(1, _MOST_OTHERS + 1))
        if rng.random() < _NOTHING_CHANCE:
            shown.append(_NOTHING)
        shown.append(gesture)
    return shown or [_NOTHING if rng.random() < _NOTHING_CHANCE else _OTHER for _ in range(10)]


def made_stream(
    generator: GestureGenerator, number: int, count: int, labels: Sequence[str] = GESTURE_LABELS
) -> GestureStream:
    """Stream `number` of a generator with `count` gestures of `labels`; see `script`."""
    return generator.stream(number, script(number, count, labels=labels, seed=generator.seed))
