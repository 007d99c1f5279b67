"""Depthwise convolutions: a thread keeps a small picture of outputs of one vector of channels in registers.

    y[i, j, c] = act(b[c] + sum_{r, t} x[i s + r - p, j s + t - p, c] w[r, t, c])        taps outside are zero

Input row by input row: each row's columns are loaded once and given to every output that they belong to. Threads side
by side take neighbouring channels, so that a warp's loads lie side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product as combinations
from math import ceil, gcd

import numpy as np

from tsm_edge.export.cuda.call import Context, GpuCall, Operand, Weights, Work, write_call
from tsm_edge.export.cuda.emitter import Arithmetic, Emitter, Expr
from tsm_edge.export.cuda.model import Block, cycles
from tsm_edge.export.cuda.product import activate
from tsm_edge.export.layers import Convolution, Layer, SaveShift
from tsm_edge.targets.gpu import GpuSpec

__all__ = ["NAME", "Patch", "choose_patch", "covers", "lower"]

NAME = "depthwise"

THREADS = 128
MOST_REGISTERS = 112
OTHER_REGISTERS = 24
WORD_BYTES = 4
# What ptxas made of the first kernels for sm_53: a thread's beginning and end, a load with its guards, a store with its
# address and guards, and a word's bias and activation.
THREAD_TURNS, LOAD_TURNS, STORE_TURNS, WORD_TURNS = 80, 5, 4, 3


@dataclass(frozen=True)
class Patch:
    """What one thread computes: rows x columns outputs of `words` registers of channels."""

    rows: int
    columns: int
    words: int


def covers(layer: Layer) -> bool:
    """One filter a channel, on channels-last input, without shift and residual."""
    return (
        isinstance(layer, Convolution)
        and layer.groups == layer.x.channels == layer.out.channels
        and not layer.x.planar
        and layer.shift is None
        and layer.residual is None
    )


def lower(layer: Layer, context: Context, saves: Sequence[SaveShift] = ()) -> GpuCall:
    """Write the kernel for `layer` and pack its weights."""
    assert isinstance(layer, Convolution)
    patch = choose_patch(layer, context.gpu, context.arithmetic)
    body = _Body(layer, patch, context.arithmetic)
    operands: dict[str, Operand] = {
        "x": layer.x,
        "weights": context.packed(_pack(layer)),
        "bias": context.packed(layer.bias / 6) if body.clamps_halves else Weights(layer.bias),
        "y": layer.out,
    }
    return write_call(
        context=context,
        rule=NAME,
        symbol=_symbol(layer, patch),
        layer=_description(layer),
        operands=operands,
        grid=(body.blocks, 1, 1),
        threads=THREADS,
        flop=2 * layer.out.size * int(layer.weight[0].size),
        work=_work(layer, patch, context),
        body=body.write,
        saves=saves,
    )


def _pack(layer: Convolution) -> np.ndarray:
    """(C, 1, R, T) -> (R, T, C)."""
    return np.ascontiguousarray(layer.weight[:, 0].transpose(1, 2, 0))


def _description(layer: Convolution) -> str:
    _, _, rows, columns = layer.weight.shape
    stride = f"/{layer.stride}" if layer.stride > 1 else ""
    return f"depthwise {rows}x{columns}{stride} of {layer.x.channels} at {layer.x.height}x{layer.x.width}"


def _symbol(layer: Convolution, patch: Patch) -> str:
    _, _, rows, columns = layer.weight.shape
    return (
        f"depthwise_{layer.x.height}x{layer.x.width}x{layer.x.channels}_k{rows}x{columns}s{layer.stride}"
        f"p{layer.padding}_{layer.activation}_t{patch.rows}x{patch.columns}x{patch.words}"
    )


class _Body:
    def __init__(self, layer: Convolution, patch: Patch, arithmetic: Arithmetic) -> None:
        self.layer, self.patch = layer, patch
        self.channels = patch.words * arithmetic.per_word
        self.vectors = -(-layer.x.channels // self.channels)
        self.rows = -(-layer.out.height // patch.rows)
        self.columns = -(-layer.out.width // patch.columns)
        self.threads = self.vectors * self.rows * self.columns
        self.blocks = -(-self.threads // THREADS)
        # See csrc/tsm_gpu_prelude.cuh: the bias is a sixth of itself then.
        self.clamps_halves = arithmetic.kind == "half" and layer.activation == "relu6"

    def write(self, e: Emitter) -> None:
        number = e.block[0] * THREADS + e.thread
        with e.where(number < self.threads if self.threads % THREADS else True):
            channel = e.modulo(number, self.vectors) * self.channels
            place = e.divide(number, self.vectors)
            row = e.divide(place, self.columns) * self.patch.rows
            column = e.modulo(place, self.columns) * self.patch.columns
            self._patch(e, row, column, channel)

    def _patch(self, e: Emitter, row: Expr, column: Expr, channel: Expr) -> None:
        layer, patch = self.layer, self.patch
        _, _, kernel_rows, kernel_columns = layer.weight.shape
        self.sums = e.words(patch.rows * patch.columns * patch.words)
        self.weights = e.words(kernel_rows * kernel_columns * patch.words)
        self.line = e.words(((patch.columns - 1) * layer.stride + kernel_columns) * patch.words)
        e.zero_words(self.sums, 0, patch.rows * patch.columns * patch.words)
        for tap in range(kernel_rows * kernel_columns):
            index = tap * layer.x.channels + channel
            e.load_words(self.weights, tap * patch.words, e["weights"], index, patch.words)
        top, left = row * layer.stride - layer.padding, column * layer.stride - layer.padding
        for r in range((patch.rows - 1) * layer.stride + kernel_rows):
            self._load_line(e, top + r, left, channel, r)
            for out_row in range(patch.rows):
                tap_row = r - out_row * layer.stride
                if 0 <= tap_row < kernel_rows:
                    self._add_line(e, out_row, tap_row)
        self._store(e, row, column, channel)

    def _load_line(self, e: Emitter, in_row: Expr, left: Expr, channel: Expr, r: int) -> None:
        layer, words = self.layer, self.patch.words
        span = (self.patch.columns - 1) * layer.stride + layer.weight.shape[3]
        row_inside = self._inside(e, in_row, r, layer.x.height, self.patch.rows, self.rows)
        for t in range(span):
            inside = self._inside(e, left + t, t, layer.x.width, self.patch.columns, self.columns)
            index = (in_row * layer.x.width + left + t) * layer.x.channels + channel
            conditions = [each for each in (row_inside, inside) if each is not True]
            if conditions:
                e.zero_words(self.line, t * words, words)
            with e.where(*conditions):
                e.load_words(self.line, t * words, e["x"], index, words)

    def _inside(self, e: Emitter, place: Expr, offset: int, size: int, patch: int, patches: int) -> Expr:
        """Whether a row or column of x exists; True where it does for every thread."""
        stride, padding = self.layer.stride, self.layer.padding
        first, last = offset - padding, (patches - 1) * patch * stride + offset - padding
        below, above = first < 0, last >= size
        if below and above:
            return e.both(place >= 0, place < size)
        if below:
            return place >= 0
        return place < size if above else True

    def _add_line(self, e: Emitter, out_row: int, tap_row: int) -> None:
        patch, columns = self.patch, self.layer.weight.shape[3]
        for out_column in range(patch.columns):
            for t in range(columns):
                at = (out_row * patch.columns + out_column) * patch.words
                place = (out_column * self.layer.stride + t) * patch.words
                tap = (tap_row * columns + t) * patch.words
                with e.unrolled(patch.words) as word:
                    total = e.multiply_add(
                        self.line[place + word], self.weights[tap + word], self.sums[at + word]
                    )
                    e.set(self.sums, at + word, total)

    def _store(self, e: Emitter, row: Expr, column: Expr, channel: Expr) -> None:
        layer, patch = self.layer, self.patch
        bias = e.words(patch.words) if self.clamps_halves else e.floats(self.channels)
        if self.clamps_halves:
            e.load_words(bias, 0, e["bias"], channel, patch.words)
        else:
            for part in range(self.channels):
                e.set(bias, part, e.load(e["bias"], channel + part))
        for i in range(patch.rows):
            for j in range(patch.columns):
                ragged_row = row + i < layer.out.height if layer.out.height % patch.rows else True
                ragged_column = column + j < layer.out.width if layer.out.width % patch.columns else True
                with e.where(ragged_row, ragged_column):
                    self._store_one(e, bias, i, j, ((row + i) * layer.out.width + column + j, channel))

    def _store_one(self, e: Emitter, bias: Expr, i: int, j: int, place: tuple[Expr, Expr]) -> None:
        layer, patch = self.layer, self.patch
        pixel, channel = place
        at = (i * patch.columns + j) * patch.words
        per_word = e.arithmetic.per_word
        for word in range(patch.words):
            if self.clamps_halves:
                e.set(self.sums, at + word, e.relu6(self.sums[at + word], bias[word]))
                continue
            values = [
                activate(e, value + bias[word * per_word + part], layer.activation)
                for part, value in enumerate(e.unpack(self.sums[at + word]))
            ]
            e.set(self.sums, at + word, e.pack(values))
        e.store_words(e["y"], pixel * layer.out.channels + channel, self.sums, at, patch.words)


def choose_patch(layer: Convolution, gpu: GpuSpec, arithmetic: Arithmetic) -> Patch:
    """The patch that the model of a multiprocessor finds fastest."""
    _, _, rows, columns = layer.weight.shape
    words = (
        gcd(layer.x.channels // arithmetic.per_word, 4) if layer.x.channels % arithmetic.per_word == 0 else 0
    )
    size = (layer.out.height, layer.out.width, layer.x.channels, rows, columns, layer.stride)
    return _choose(size, words, gpu, arithmetic)


@cache
def _choose(size: tuple[int, ...], most_words: int, gpu: GpuSpec, arithmetic: Arithmetic) -> Patch:
    patches = [
        Patch(rows, columns, words)
        for rows, columns, words in combinations((1, 2, 3, 4, 7), (1, 2, 4, 7, 8), (1, 2, 4))
        if most_words % words == 0 and rows < size[0] + 2 and columns < size[1] + 2
    ]
    fitting = [patch for patch in patches if _registers(patch, size) <= MOST_REGISTERS]
    return min(fitting or patches[:1], key=lambda patch: _time(patch, size, gpu, arithmetic))


def _registers(patch: Patch, size: tuple[int, ...]) -> int:
    *_, rows, columns, stride = size
    line = (patch.columns - 1) * stride + columns
    return patch.words * (patch.rows * patch.columns + rows * columns + line) + OTHER_REGISTERS


def _time(
    patch: Patch, size: tuple[int, ...], gpu: GpuSpec, arithmetic: Arithmetic
) -> tuple[float, int, int]:
    blocks, block = _blocks(patch, size, arithmetic)
    return cycles(gpu, block, blocks), patch.rows, patch.columns


def _blocks(patch: Patch, size: tuple[int, ...], arithmetic: Arithmetic) -> tuple[int, Block]:
    height, width, channels, rows, columns, stride = size
    threads = (
        ceil(height / patch.rows)
        * ceil(width / patch.columns)
        * ceil(channels / (patch.words * arithmetic.per_word))
    )
    outputs = patch.rows * patch.columns
    loads = ((patch.rows - 1) * stride + rows) * ((patch.columns - 1) * stride + columns)
    taps = rows * columns
    multiply_adds = outputs * taps * patch.words
    block = Block(
        threads=THREADS,
        registers=_registers(patch, size),
        shared_bytes=0,
        issue=THREADS
        * (
            THREAD_TURNS
            + multiply_adds
            + LOAD_TURNS * (loads + taps)
            + outputs * (STORE_TURNS + patch.words * WORD_TURNS)
        ),
        shared_traffic=0,
        loads=THREADS * (loads + taps + 1),
        global_traffic=THREADS * WORD_BYTES * patch.words * (loads + taps + outputs),
    )
    return ceil(threads / THREADS), block


def _work(layer: Convolution, patch: Patch, context: Context) -> Work:
    _, _, rows, columns = layer.weight.shape
    size = (layer.out.height, layer.out.width, layer.x.channels, rows, columns, layer.stride)
    blocks, block = _blocks(patch, size, context.arithmetic)
    element = context.arithmetic.element_bytes
    return Work(
        shared_bytes=0,
        loads=round(blocks * block.loads),
        global_bytes=round(blocks * block.global_traffic),
        dram_bytes=(layer.x.size + layer.out.size + int(layer.weight.size)) * element,
    )
