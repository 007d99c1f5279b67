"""From logits of single frames to a label that does not flicker.

    mean(t)   = mean of the logits of the last `window` frames
    winner(t) = merge(argmax mean(t)), or the label shown before if that one is ignored
    shown(t)  = winner(t) once it has won `hysteresis` frames in a row, else shown(t - 1)

Everything here is pure: the state goes in and comes out.

Source: the published online demo of Lin, Gan and Han, TSM, arXiv:1811.08383, averages twelve logits, masks
and merges classes in this way; its hysteresis lets no label go before it was shown twice, ours lets none come
before it won twice.
"""

from dataclasses import dataclass, replace

import numpy as np

from tsm_edge.errors import BundleError
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import ModelSpec, SmoothingSpec

__all__ = ["NO_LABEL", "Smoother", "SmoothingState"]

# A class index that stands for "nothing was shown yet".
NO_LABEL = -1


@dataclass(frozen=True, kw_only=True)
class SmoothingState:
    """What smoothing remembers of a stream.

    Attributes:
        history: Logits of the last frames, (k, num_classes) float32 with k <= window, oldest first.
        shown: Class index of the label shown, or NO_LABEL.
        candidate: Class index of the label that won the last frames.
        wins: How many frames in a row the candidate won, at most `hysteresis`.
    """

    history: Float32Array
    shown: int
    candidate: int
    wins: int


class Smoother:
    """Smoothing rules of one model, by class index.

    Args:
        spec: The model, with its labels and smoothing rules.
        enabled: False shows every single frame's winner: no mean, no hysteresis, nothing merged or ignored.

    Raises:
        BundleError: A rule names a label that the model does not have.
    """

    def __init__(self, spec: ModelSpec, *, enabled: bool = True) -> None:
        rules = (
            spec.smoothing
            if enabled
            else SmoothingSpec(window=1, hysteresis=1, background=spec.smoothing.background)
        )
        index = {label: i for i, label in enumerate(spec.labels)}
        try:
            self._merge = {index[label]: index[shown] for label, shown in rules.merge}
            self._ignore = frozenset(index[label] for label in rules.ignore)
            self._background = tuple(index[label] for label in rules.background)
        except KeyError as error:
            raise BundleError(
                f"smoothing names the label {error}, which the model {spec.name} lacks"
            ) from None
        self._window = max(1, rules.window)
        self._hysteresis = max(1, rules.hysteresis)
        self._labels = spec.labels
        self._num_classes = spec.num_classes

    def initial_state(self) -> SmoothingState:
        """Nothing seen yet: the first background label is shown, or what it merges into; if there is one."""
        shown = self._merge.get(self._background[0], self._background[0]) if self._background else NO_LABEL
        history = np.zeros((0, self._num_classes), np.float32)
        return SmoothingState(history=history, shown=shown, candidate=shown, wins=0)

    def advance(self, state: SmoothingState, logits: Float32Array) -> SmoothingState:
        """The state after one more frame with `logits`, (num_classes,) float32."""
        history = np.concatenate((state.history, logits[None]))[-self._window :]
        winner = self._winner(history, state.shown)
        wins = min(state.wins + 1, self._hysteresis) if winner == state.candidate else 1
        # Before any label is shown there is nothing that could flicker.
        shown = winner if wins >= self._hysteresis or state.shown == NO_LABEL else state.shown
        return SmoothingState(history=history, shown=shown, candidate=winner, wins=wins)

    def trimmed(self, state: SmoothingState) -> SmoothingState:
        """`state` as these rules would keep it: a saved one may come from a stream with a longer window."""
        return replace(state, history=state.history[-self._window :], wins=min(state.wins, self._hysteresis))

    def label(self, state: SmoothingState) -> str | None:
        """The label shown, or None before the first."""
        return None if state.shown == NO_LABEL else self._labels[state.shown]

    def gesture(self, state: SmoothingState) -> str | None:
        """The gesture that is running: the label shown, or None for background."""
        return None if state.shown in self._background else self.label(state)

    def _winner(self, history: Float32Array, shown: int) -> int:
        winner = int(history.mean(axis=0).argmax())
        return shown if winner in self._ignore else self._merge.get(winner, winner)
