"""Where a product's inputs come from: a pixel's channels, or the taps of a window, shifted in time or not.

    x[p, k] = s[p, k] for k < f, else x[p, k]                      1x1; s is the shift buffer, f its channels
    x[p, (r, t, c)] = x[i s + r - p, j s + t - p, c]               channels last; shifted likewise
    x[p, (c, r, t)] = frame[c, i s + r - p, j s + t - p]           the planar frame

Taps outside of the picture are zero. Shifting costs no copy: the loads go elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tsm_edge.export.cuda.emitter import Emitter, Expr
from tsm_edge.export.cuda.product import Source
from tsm_edge.export.cuda.tile import VECTOR
from tsm_edge.export.layers import Convolution, Float32Array

__all__ = ["input_weights", "source_of"]


def source_of(layer: Convolution) -> Source:
    """The inputs of a full convolution."""
    if layer.x.planar:
        return _Planar(layer)
    if layer.weight.shape[2:] == (1, 1) and (layer.stride, layer.padding) == (1, 0):
        return _Pointwise(layer)
    return _Window(layer)


def input_weights(layer: Convolution) -> Float32Array:
    """The weights as (depth, out channels), k in the order of the source."""
    order = (1, 2, 3, 0) if layer.x.planar else (2, 3, 1, 0)
    return np.ascontiguousarray(layer.weight.transpose(order).reshape(-1, layer.out.channels))


@dataclass(frozen=True)
class _Layer:
    layer: Convolution
    along_pixels = False

    @property
    def depth(self) -> int:
        return int(self.layer.weight[0].size)

    @property
    def fold(self) -> int:
        """Channels that come from the previous frame."""
        return self.layer.shift.channels if self.layer.shift else 0


@dataclass(frozen=True)
class _Pointwise(_Layer):
    """The channels of a pixel lie side by side."""

    def load(self, e: Emitter, to: Expr, at: int, pixel: Expr, k: Expr, padded: bool) -> None:
        slot = VECTOR * e.arithmetic.per_word
        if self.depth % slot:
            _gather(e, to, at, lambda part: self._element(e, pixel, k + part))
            return

        def present() -> None:
            e.load_words(to, at, e["x"], pixel * self.depth + k, VECTOR)

        def load() -> None:
            if not self.fold:
                present()
            elif self.fold % slot:
                e.branch(
                    k < self.fold,
                    lambda: _gather(e, to, at, lambda part: self._element(e, pixel, k + part)),
                    present,
                )
            else:
                e.branch(
                    k < self.fold,
                    lambda: e.load_words(to, at, e["shift_buffer"], pixel * self.fold + k, VECTOR),
                    present,
                )

        if padded:
            e.branch(k < self.depth, load, lambda: e.zero_words(to, at, VECTOR))
        else:
            load()

    def _element(self, e: Emitter, pixel: Expr, k: Expr) -> list[tuple[Expr, Expr]]:
        present = e.load_stored(e["x"], pixel * self.depth + k)
        if not self.fold:
            return [(k < self.depth, present)]
        previous = e.load_stored(e["shift_buffer"], pixel * self.fold + k)
        return [(k < self.fold, previous), (e.both(k >= self.fold, k < self.depth), present)]


@dataclass(frozen=True)
class _Window(_Layer):
    """A tap's channels lie side by side."""

    def load(self, e: Emitter, to: Expr, at: int, pixel: Expr, k: Expr, padded: bool) -> None:
        slot = VECTOR * e.arithmetic.per_word
        if self.layer.x.channels % slot or self.fold % slot:
            _gather(e, to, at, lambda part: self._element(e, pixel, k + part))
            return
        inside, place, channel = self._tap(e, pixel, k)

        def load() -> None:
            def present() -> None:
                e.load_words(to, at, e["x"], place * self.layer.x.channels + channel, VECTOR)

            if not self.fold:
                present()
                return
            e.branch(
                channel < self.fold,
                lambda: e.load_words(to, at, e["shift_buffer"], place * self.fold + channel, VECTOR),
                present,
            )

        e.branch(inside, load, lambda: e.zero_words(to, at, VECTOR))

    def _element(self, e: Emitter, pixel: Expr, k: Expr) -> list[tuple[Expr, Expr]]:
        inside, place, channel = self._tap(e, pixel, k)
        present = e.load_stored(e["x"], place * self.layer.x.channels + channel)
        if not self.fold:
            return [(inside, present)]
        previous = e.load_stored(e["shift_buffer"], place * self.fold + channel)
        return [
            (e.both(inside, channel < self.fold), previous),
            (e.both(inside, channel >= self.fold), present),
        ]

    def _tap(self, e: Emitter, pixel: Expr, k: Expr) -> tuple[Expr, Expr, Expr]:
        """Whether there is such a tap, its pixel in x, and the channel."""
        layer = self.layer
        tap, channel = e.divide(k, layer.x.channels), e.modulo(k, layer.x.channels)
        columns = layer.weight.shape[3]
        row, column = _place(e, layer, pixel, e.divide(tap, columns), e.modulo(tap, columns))
        inside = e.both(k < self.depth, _is_inside(e, layer, row, column))
        return inside, row * layer.x.width + column, channel


@dataclass(frozen=True)
class _Planar(_Layer):
    """The frame: a thread loads all taps of its pixels, so that each one's place is known while the code is written."""

    along_pixels = True

    def load(self, e: Emitter, to: Expr, at: int, pixel: Expr, k: Expr, padded: bool) -> None:
        _gather(e, to, at, lambda part: self._element(e, pixel, k + part))

    def _element(self, e: Emitter, pixel: Expr, k: Expr) -> list[tuple[Expr, Expr]]:
        layer = self.layer
        _, _, rows, columns = layer.weight.shape
        channel, tap = e.divide(k, rows * columns), e.modulo(k, rows * columns)
        row, column = _place(e, layer, pixel, e.divide(tap, columns), e.modulo(tap, columns))
        index = (channel * layer.x.height + row) * layer.x.width + column
        inside = _is_inside(e, layer, row, column)
        if isinstance(k, int):
            return [(inside, e.load_stored(e["x"], index))] if k < self.depth else []
        return [(e.both(k < self.depth, inside), e.load_stored(e["x"], index))]


def _place(e: Emitter, layer: Convolution, pixel: Expr, tap_row: Expr, tap_column: Expr) -> tuple[Expr, Expr]:
    """Row and column in x of a tap of the output pixel."""
    out_row, out_column = e.divide(pixel, layer.out.width), e.modulo(pixel, layer.out.width)
    row = out_row * layer.stride + (tap_row - layer.padding)
    return row, out_column * layer.stride + (tap_column - layer.padding)


def _is_inside(e: Emitter, layer: Convolution, row: Expr, column: Expr) -> Expr:
    rows = e.both(row >= 0, row < layer.x.height)
    return e.both(rows, e.both(column >= 0, column < layer.x.width))


def _gather(e: Emitter, to: Expr, at: int, element: Callable[[int], list[tuple[Expr, Expr]]]) -> None:
    """Fill four registers element by element: of each one's cases the condition that holds says its value."""
    per_word = e.arithmetic.per_word
    values = e.words(VECTOR * per_word)
    for part in range(VECTOR * per_word):
        e.set(values, part, e.zero)
        for condition, value in element(part):
            with e.where(condition):
                e.set(values, part, value)
    for word in range(VECTOR):
        e.set(to, at + word, e.join([values[word * per_word + part] for part in range(per_word)]))
