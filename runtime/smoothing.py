"""From logits of single frames to a label that does not flicker.

    mean(t)   = mean of the logits of the last frames: at most `window` of them, none older than `window_s`
    winner(t) = merge(argmax mean(t)); the label shown before if that one is ignored; the background if it is
                another gesture than that one, with less than `threshold` of the probability
    shown(t)  = winner(t) once it has won `hysteresis` frames in a row over `hysteresis_s`, else shown(t - 1)

After a gesture the background is shown for `pause_s` at least: a hand that is drawn back is no gesture the other way.
Seconds are those between frames, so that a slow camera and a fast one show the same label.

Everything here is pure: the state goes in and comes out.

Source: the published online demo of Lin, Gan and Han, TSM, arXiv:1811.08383, averages twelve logits, masks
and merges classes in this way; its hysteresis lets no label go before it was shown twice, ours lets none come
before it won twice.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from tsm_edge.errors import BundleError
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import ModelSpec, SmoothingSpec

__all__ = ["NO_LABEL", "USUAL_FRAME_S", "Smoother", "SmoothingState"]

# A class index that stands for "nothing was shown yet".
NO_LABEL = -1

# What a frame lasts where nobody says when it was taken: gesture recordings have twelve a second.
USUAL_FRAME_S = 1 / 12

# Times are sums of fractions of a second: a frame that is due at a limit must not miss it by rounding.
_ROUNDING_S = 1e-4


@dataclass(frozen=True, kw_only=True)
class SmoothingState:
    """What smoothing remembers of a stream.

    Attributes:
        history: Logits of the last frames, (k, num_classes) float32 with k <= window, oldest first.
        ages_s: How long before the last frame they were taken, seconds, (k,) float32.
        shown: Class index of the label shown, or NO_LABEL.
        candidate: Class index of the label that won the last frames.
        wins: How many frames in a row the candidate won, at most `hysteresis`.
        candidate_s: Seconds from the first of these frames to the last.
        quiet_s: Seconds since a gesture ended; infinite if none has.
    """

    history: Float32Array
    ages_s: Float32Array
    shown: int
    candidate: int
    wins: int
    candidate_s: float
    quiet_s: float


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
        self._window_s = math.inf if rules.window_s is None else rules.window_s
        self._hysteresis = max(1, rules.hysteresis)
        self._hysteresis_s = rules.hysteresis_s
        # Without background there is nothing to show in a gesture's place.
        self._threshold = rules.threshold if rules.background else 0.0
        self._pause_s = rules.pause_s if rules.background else 0.0
        self._labels = spec.labels
        self._num_classes = spec.num_classes

    def initial_state(self) -> SmoothingState:
        """Nothing seen yet: the first background label is shown, or what it merges into; if there is one."""
        shown = self._rest() if self._background else NO_LABEL
        return SmoothingState(
            history=np.zeros((0, self._num_classes), np.float32), ages_s=np.zeros(0, np.float32), shown=shown,
            candidate=shown, wins=0, candidate_s=0.0, quiet_s=math.inf,
        )  # fmt: skip

    def advance(
        self, state: SmoothingState, logits: Float32Array, elapsed_s: float = USUAL_FRAME_S
    ) -> SmoothingState:
        """The state after one more frame.

        Args:
            state: The state before; it stays as it is.
            logits: Of the frame, (num_classes,) float32.
            elapsed_s: Seconds since the frame before.
        """
        history = np.concatenate((state.history, logits[None]))[-self._window :]
        ages_s = np.append(state.ages_s + np.float32(elapsed_s), np.float32(0))[-self._window :]
        young = ages_s < self._window_s - _ROUNDING_S
        young[-1] = True
        history, ages_s = history[young], ages_s[young]
        winner = self._winner(history, state.shown)
        again = winner == state.candidate and state.wins > 0
        wins = min(state.wins + 1, self._hysteresis) if again else 1
        candidate_s = state.candidate_s + elapsed_s if again else 0.0
        quiet_s = state.quiet_s + elapsed_s
        # Before any label is shown there is nothing that could flicker.
        is_settled = wins >= self._hysteresis and candidate_s >= self._hysteresis_s - _ROUNDING_S
        shown = winner if is_settled or state.shown == NO_LABEL else state.shown
        if shown != state.shown and self._pause_s:
            if self._is_gesture(state.shown):
                quiet_s = 0.0
            if self._is_gesture(shown) and quiet_s < self._pause_s - _ROUNDING_S:
                shown = self._rest() if self._is_gesture(state.shown) else state.shown
        return SmoothingState(
            history=history, ages_s=ages_s, shown=shown, candidate=winner, wins=wins, candidate_s=candidate_s,
            quiet_s=quiet_s,
        )  # fmt: skip

    def trimmed(self, state: SmoothingState) -> SmoothingState:
        """`state` as these rules would keep it: a saved one may come from a stream with a longer window."""
        return replace(
            state,
            history=state.history[-self._window :],
            ages_s=state.ages_s[-self._window :],
            wins=min(state.wins, self._hysteresis),
        )

    def label(self, state: SmoothingState) -> str | None:
        """The label shown, or None before the first."""
        return None if state.shown == NO_LABEL else self._labels[state.shown]

    def gesture(self, state: SmoothingState) -> str | None:
        """The gesture that is running: the label shown, or None for background."""
        return self.label(state) if self._is_gesture(state.shown) else None

    def _winner(self, history: Float32Array, shown: int) -> int:
        mean = history.mean(axis=0)
        winner = int(mean.argmax())
        if winner in self._ignore:
            return shown
        winner = self._merge.get(winner, winner)
        # One that is shown stays until another label wins: a share about the threshold must not end it.
        if self._threshold and winner != shown and self._is_gesture(winner):
            share = 1 / np.exp(mean - mean.max()).sum()
            if share < self._threshold:
                return self._rest()
        return winner

    def _is_gesture(self, index: int) -> bool:
        return index not in self._background and index != NO_LABEL

    def _rest(self) -> int:
        """The background's label to show."""
        return self._merge.get(self._background[0], self._background[0])
