"""The tiled product that all full convolutions share.

    y[p, o] = act(b[o] + sum_k x[p, k] w[k, o] + r[p, o])

x[p, k] is what a `Source` says: a pixel's channels, those of the previous frame, or the taps of a window. Step by step
along k, a block copies its inputs [p][k] and weights [k][o] into shared memory while it multiplies the step before.
Halves are multiplied and added in pairs of output channels; every `HALF_CHAIN` of k the sums move on to float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tsm_edge.export.cuda.emitter import Emitter, Expr
from tsm_edge.export.cuda.tile import VECTOR, Tile
from tsm_edge.export.layers import Activation

__all__ = ["HALF_CHAIN", "Product", "Source", "activate", "keeps_totals"]

# Inputs whose products are added up in half precision before they are added to a float32.
HALF_CHAIN = 192


class Source(Protocol):
    """Where the inputs of a product come from."""

    @property
    def depth(self) -> int:
        """How many inputs a pixel has."""
        ...

    @property
    def along_pixels(self) -> bool:
        """Whether a thread's loads of a step should lie along pixels, so that it knows each one's k."""
        ...

    def load(self, e: Emitter, to: Expr, at: int, pixel: Expr, k: Expr, padded: bool) -> None:
        """Write inputs k to k + 4 * per_word - 1 of `pixel` into four registers from `at` on.

        `padded` says that k may pass the depth: inputs from there on are zero.
        """


@dataclass(frozen=True)
class Product:
    """The kernel's body.

    Attributes:
        source: The inputs; the operands that it reads are its own affair.
        pixels, channels: Of the result.
        pooled: Write the mean over all pixels instead, which one block's tile must hold.
    """

    source: Source
    tile: Tile
    pixels: int
    channels: int
    activation: Activation
    residual: bool
    pooled: bool

    half: bool

    @property
    def clamps_halves(self) -> bool:
        """Whether halves are clamped as they are: the operand "bias" is a sixth of the bias then, as halves."""
        tile = self.tile
        return (
            self.half
            and self.activation == "relu6"
            and not (self.residual or self.pooled or keeps_totals(tile, self.source.depth))
            and self.channels % (tile.vector * tile.per_word) == 0
        )

    @property
    def steps(self) -> int:
        """Of each group; the last one may be padded."""
        return -(-self.source.depth // (self.tile.step * self.tile.groups))

    @property
    def grid(self) -> tuple[int, int, int]:
        """Channels run fastest, so that a tile of inputs is still in the cache when it is needed again."""
        tile = self.tile
        return (-(-self.channels // tile.channels), -(-self.pixels // tile.pixels), 1)

    @property
    def shared_words(self) -> int:
        """Of a block."""
        means = self.tile.rows * self.tile.channels if self.pooled else 0
        return max(self.tile.shared_words(self.steps), means)

    def write(self, e: Emitter) -> None:
        """Write the code: operands "weights", "bias" and "y", "residual" where there is one, and the source's."""
        _Writer(self, e).write()


class _Writer:
    def __init__(self, product: Product, e: Emitter) -> None:
        tile = product.tile
        self.product, self.tile, self.e, self.steps = product, tile, e, product.steps
        self.stages = min(self.steps, 2)
        self.group = e.divide(e.thread, tile.group_threads) if tile.groups > 1 else 0
        self.lane = e.modulo(e.thread, tile.group_threads) if tile.groups > 1 else e.thread
        self.column = e.modulo(self.lane, tile.columns)
        self.row = e.divide(self.lane, tile.columns)
        self.shared = e.shared(product.shared_words)
        self.weights_at = tile.groups * self.stages * tile.input_words
        self.sums = e.words(tile.thread_pixels * tile.thread_words)
        self.inputs = e.words(tile.thread_pixels * VECTOR)
        self.factors = e.words(tile.thread_words)
        self.spread = e.words(1)
        self.has_totals = keeps_totals(tile, product.source.depth)
        if self.has_totals:
            self.totals = e.floats(tile.thread_pixels * tile.thread_channels)
        else:
            self.totals = self.sums
        self.fetched_inputs = e.words(self._turns(self._input_slots) * VECTOR)
        self.fetched_weights = e.words(self._turns(self._weight_slots) * VECTOR)

    def write(self) -> None:
        e = self.e
        e.zero_words(self.sums, 0, self.tile.thread_pixels * self.tile.thread_words)
        if self.has_totals:
            with e.unrolled(self.tile.thread_pixels * self.tile.thread_channels) as index:
                e.set(self.totals, index, e.constant(0.0))
        self._fetch(0)
        self._put(0)
        e.barrier()
        if self.steps == 1:
            self._multiply(0)
        else:
            with e.loop(self.steps) as step:
                with e.where(step + 1 < self.steps):
                    self._fetch(step + 1)
                self._multiply(e.modulo(step, 2))
                self._flush(step)
                with e.where(step + 1 < self.steps):
                    self._put(e.modulo(step + 1, 2))
                e.barrier()
        if self.has_totals and (self.steps <= self._chain or self.steps % self._chain):
            self._move_sums()
        if self.tile.groups > 1:
            if self.steps == 1:
                e.barrier()
            self._add_groups()
        if self.product.pooled:
            if self.steps == 1 and self.tile.groups == 1:
                e.barrier()
            self._write_mean()
        else:
            with e.where(*self._first_group):
                self._load_bias()
                self._for_each_pixel(self._write_pixel)

    def _total(self, i: Expr, offset: int) -> Expr:
        """A pixel's sum for the thread's channel `offset`, as float32."""
        if self.has_totals:
            return self.totals[i * self.tile.thread_channels + offset]
        word, part = divmod(offset, self.tile.per_word)
        return self.e.unpack(self.sums[i * self.tile.thread_words + word])[part]

    @property
    def _chain(self) -> int:
        """Steps whose products are added up in half precision."""
        return max(HALF_CHAIN // self.tile.step, 1)

    @property
    def _first_group(self) -> tuple[Expr, ...]:
        return (self.e.equal(self.group, 0),) if self.tile.groups > 1 else ()

    # Global memory to registers, registers to shared memory.

    @property
    def _input_slots(self) -> int:
        return self.tile.pixels * self.tile.slots

    @property
    def _weight_slots(self) -> int:
        return self.tile.weight_words // VECTOR

    def _turns(self, slots: int) -> int:
        return -(-slots // self.tile.group_threads)

    def _inside(self, turn: int, slots: int) -> tuple[Expr, ...]:
        threads = self.tile.group_threads
        return (turn * threads + self.lane < slots,) if (turn + 1) * threads > slots else ()

    def _place(self, turn: int) -> tuple[Expr, Expr]:
        """The pixel of the tile and the slot of its step that this thread copies in a turn."""
        e, tile = self.e, self.tile
        first = turn * tile.group_threads
        if self.product.source.along_pixels and tile.pixels % tile.group_threads == 0:
            return first % tile.pixels + self.lane, first // tile.pixels
        number = first + self.lane
        return e.divide(number, tile.slots), e.modulo(number, tile.slots)

    def _fetch(self, step: Expr) -> None:
        e, tile, product = self.e, self.tile, self.product
        number = self.group * self.steps + step
        padded = self.steps * tile.groups * tile.step > product.source.depth
        for turn in range(self._turns(self._input_slots)):
            with e.where(*self._inside(turn, self._input_slots)):
                pixel, slot = self._place(turn)
                pixel = e.block[1] * tile.pixels + pixel
                if product.pixels % tile.pixels:
                    pixel = e.least(pixel, product.pixels - 1)
                k = number * tile.step + slot * tile.slot
                product.source.load(e, self.fetched_inputs, turn * VECTOR, pixel, k, padded)
        tile_elements = tile.step * tile.channels
        base = (e.block[0] * (self.steps * tile.groups) + number) * tile_elements
        for turn in range(self._turns(self._weight_slots)):
            with e.where(*self._inside(turn, self._weight_slots)):
                index = base + (turn * tile.group_threads + self.lane) * tile.slot
                e.load_words(self.fetched_weights, turn * VECTOR, e["weights"], index, VECTOR)

    def _put(self, stage: Expr) -> None:
        e, tile = self.e, self.tile
        place = self.group * self.stages + stage
        for turn in range(self._turns(self._input_slots)):
            with e.where(*self._inside(turn, self._input_slots)):
                pixel, slot = self._place(turn)
                index = place * tile.input_words + pixel * tile.line + slot * VECTOR
                e.copy(self.shared, index, self.fetched_inputs, turn * VECTOR, VECTOR)
        for turn in range(self._turns(self._weight_slots)):
            with e.where(*self._inside(turn, self._weight_slots)):
                slot = turn * tile.group_threads + self.lane
                index = self.weights_at + place * tile.weight_words + slot * VECTOR
                e.copy(self.shared, index, self.fetched_weights, turn * VECTOR, VECTOR)

    # Shared memory to sums.

    def _multiply(self, stage: Expr) -> None:
        e, tile = self.e, self.tile
        place = self.group * self.stages + stage
        inputs = place * tile.input_words + self.row * tile.line
        weights = self.weights_at + place * tile.weight_words + self.column * tile.vector
        words = tile.channels // tile.per_word
        # Unrolled whole, a long step would not stay in the instruction cache.
        with e.loop(tile.slots) if tile.slots > 1 else e.unrolled(1) as slot:
            with e.unrolled(tile.thread_pixels) as i:
                index = inputs + i * (tile.rows * tile.line) + slot * VECTOR
                e.copy(self.inputs, i * VECTOR, self.shared, index, VECTOR)
            with e.unrolled(VECTOR) as word:
                for part in range(tile.per_word):
                    k = (slot * VECTOR + word) * tile.per_word + part
                    self._add_outer_product(weights + k * words, word, part)

    def _add_outer_product(self, weights: Expr, word: Expr, part: int) -> None:
        e, tile = self.e, self.tile
        with e.unrolled(tile.thread_words // tile.vector) as j:
            index = weights + j * (tile.columns * tile.vector)
            e.copy(self.factors, j * tile.vector, self.shared, index, tile.vector)
        with e.unrolled(tile.thread_pixels) as i:
            e.set(self.spread, 0, e.spread(self.inputs[i * VECTOR + word], part))
            with e.unrolled(tile.thread_words) as n:
                index = i * tile.thread_words + n
                total = e.multiply_add(self.spread[0], self.factors[n], self.sums[index])
                e.set(self.sums, index, total)

    def _flush(self, step: Expr) -> None:
        """Move half sums on before they grow long."""
        e, every = self.e, self._chain
        if self.has_totals and self.steps > every:
            with e.where(e.equal(e.modulo(step, every), every - 1) if every > 1 else True):
                self._move_sums()
                e.zero_words(self.sums, 0, self.tile.thread_pixels * self.tile.thread_words)

    def _move_sums(self) -> None:
        e = self.e
        with e.unrolled(self.tile.thread_pixels * self.tile.thread_words) as index:
            for part, value in enumerate(e.unpack(self.sums[index])):
                at = index * self.tile.per_word + part
                e.set(self.totals, at, self.totals[at] + value)

    # Sums to the result.

    def _add_groups(self) -> None:
        """The first group adds up what the others give it, one after the other."""
        e, tile = self.e, self.tile
        threads, count = tile.group_threads, tile.thread_pixels * tile.thread_channels
        for other in range(1, tile.groups):
            with e.where(e.equal(self.group, other)), e.unrolled(count) as index:
                e.set(self.shared, index * threads + self.lane, e.as_word(self.totals[index]))
            e.barrier()
            with e.where(e.equal(self.group, 0)), e.unrolled(count) as index:
                value = e.as_float(self.shared[index * threads + self.lane])
                e.set(self.totals, index, self.totals[index] + value)
            if other + 1 < tile.groups or self.product.pooled:
                e.barrier()

    def _for_each_pixel(self, write: Callable[[Expr, Expr], None]) -> None:
        """Call `write` with the number of a thread's pixel and that of the picture, where there is one."""
        e, tile, product = self.e, self.tile, self.product
        with e.unrolled(tile.thread_pixels) as i:
            pixel = e.block[1] * tile.pixels + i * tile.rows + self.row
            with e.where(pixel < product.pixels if product.pixels % tile.pixels else True):
                write(i, pixel)

    def _chunks(self) -> list[tuple[int, Expr]]:
        """First sum and first output channel of each run of channels that a thread has side by side."""
        tile = self.tile
        run = tile.vector * tile.per_word
        block = self.e.block[0] * tile.channels
        return [
            (j * run, block + j * (tile.columns * run) + self.column * run)
            for j in range(tile.thread_words // tile.vector)
        ]

    def _load_bias(self) -> None:
        """Once for all pixels of a thread: what stands behind a condition would be loaded for each of them."""
        e, tile = self.e, self.tile
        run = tile.vector * tile.per_word
        self.bias = (
            e.words(tile.thread_words) if self.product.clamps_halves else e.floats(tile.thread_channels)
        )
        for first, channel in self._chunks():
            if self.product.clamps_halves:
                e.load_words(self.bias, first // tile.per_word, e["bias"], channel, tile.vector)
            else:
                e.load_floats(self.bias, first, e["bias"], channel, run)

    def _write_pixel(self, i: Expr, pixel: Expr) -> None:
        e, tile, product = self.e, self.tile, self.product
        run = tile.vector * tile.per_word
        for first, channel in self._chunks():
            index = pixel * product.channels + channel
            if product.channels % run:
                self._write_one_by_one(i, first, channel, index)
                continue
            with e.where(channel < product.channels if product.channels % tile.channels else True):
                if product.clamps_halves:
                    self._write_clamped(i, first, index)
                else:
                    self._write_run(i, first, index)

    def _write_run(self, i: Expr, first: int, index: Expr) -> None:
        e, tile, product = self.e, self.tile, self.product
        result, before = e.words(tile.vector), e.words(tile.vector)
        if product.residual:
            e.load_words(before, 0, e["residual"], index, tile.vector)
        for word in range(tile.vector):
            added = e.unpack(before[word]) if product.residual else ()
            values = []
            for part in range(tile.per_word):
                offset = word * tile.per_word + part
                value = self._total(i, first + offset) + self.bias[first + offset]
                value = value + added[part] if product.residual else value
                values.append(activate(e, value, product.activation))
            e.set(result, word, e.pack(values))
        e.store_words(e["y"], index, result, 0, tile.vector)

    def _write_clamped(self, i: Expr, first: int, index: Expr) -> None:
        """Halves from the first product to the store."""
        e, tile = self.e, self.tile
        result = e.words(tile.vector)
        at = first // tile.per_word
        for word in range(tile.vector):
            total = self.sums[i * tile.thread_words + at + word]
            e.set(result, word, e.relu6(total, self.bias[at + word]))
        e.store_words(e["y"], index, result, 0, tile.vector)

    def _write_one_by_one(self, i: Expr, first: int, channel: Expr, index: Expr) -> None:
        """Where vectors would not lie on their own boundaries."""
        e, product = self.e, self.product
        for offset in range(self.tile.vector * self.tile.per_word):
            with e.where(channel + offset < product.channels):
                value = self._total(i, first + offset) + self.bias[first + offset]
                if product.residual:
                    value = value + e.load(e["residual"], index + offset)
                e.store(e["y"], index + offset, activate(e, value, product.activation))

    def _write_mean(self) -> None:
        """Each thread adds up its pixels; then one thread a channel adds up the rows of threads."""
        e, tile, product = self.e, self.tile, self.product
        means = e.floats(tile.thread_channels)
        run = tile.vector * tile.per_word
        with e.where(*self._first_group):
            self._load_bias()
            for offset in range(tile.thread_channels):
                e.set(means, offset, e.constant(0.0))
            self._for_each_pixel(lambda i, pixel: self._add_to_means(means, i))
            for first, _ in self._chunks():
                for offset in range(run):
                    place = first * tile.columns + self.column * run + offset
                    e.set(self.shared, self.row * tile.channels + place, e.as_word(means[first + offset]))
        e.barrier()
        with e.loop(-(-tile.channels // tile.threads)) as turn:
            local = turn * tile.threads + e.thread
            channel = e.block[0] * tile.channels + local
            with e.where(local < tile.channels, channel < product.channels):
                e.set(means, 0, e.constant(0.0))
                with e.unrolled(tile.rows) as row:
                    value = e.as_float(self.shared[row * tile.channels + local])
                    e.set(means, 0, means[0] + value)
                e.store(e["y"], channel, means[0] * e.constant(1.0 / product.pixels))

    def _add_to_means(self, means: Expr, i: Expr) -> None:
        e, tile = self.e, self.tile
        for first, _ in self._chunks():
            for offset in range(tile.vector * tile.per_word):
                value = self._total(i, first + offset)
                value = value + self.bias[first + offset]
                at = first + offset
                e.set(means, at, means[at] + activate(e, value, self.product.activation))


def keeps_totals(tile: Tile, depth: int) -> bool:
    """Whether half sums are gathered in float32: long ones, and those of several groups."""
    return tile.per_word > 1 and (tile.groups > 1 or depth > max(HALF_CHAIN, tile.step))


def activate(e: Emitter, value: Expr, activation: Activation) -> Expr:
    """A float32 after the activation."""
    if activation == "none":
        return value
    value = e.most(value, e.constant(0.0))
    return e.least(value, e.constant(6.0)) if activation == "relu6" else value
