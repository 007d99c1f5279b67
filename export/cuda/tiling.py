"""Which tile a product gets: the one that the model of a multiprocessor finds fastest, the same on every machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product as combinations
from math import ceil

from tsm_edge.export.cuda.call import Context, Work
from tsm_edge.export.cuda.emitter import Arithmetic
from tsm_edge.export.cuda.model import Block, cycles, lanes
from tsm_edge.export.cuda.product import HALF_CHAIN, Product, keeps_totals
from tsm_edge.export.cuda.tile import VECTOR, Tile
from tsm_edge.export.layers import Convolution
from tsm_edge.targets.gpu import GpuSpec

__all__ = ["choose_tile", "registers_of", "work_of"]

THREAD_PIXELS = (1, 2, 4, 7, 8)
THREAD_WORDS = (4, 8)
ROWS = (4, 7, 8, 14, 16, 28, 32, 64)
COLUMNS = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 16, 18, 20)
# Slots: four words of inputs each.
STEP_SLOTS = (1, 2, 4, 8)
GROUPS = (1, 2, 4)
LEAST_THREADS, MOST_THREADS = 32, 256
# More would spill, or leave too few warps to hide a load.
MOST_REGISTERS = 136
# Addresses, counters and what the compiler keeps for itself.
OTHER_REGISTERS = 24
WORD_BYTES = 4
# What ptxas made of the first kernels for sm_53, in turns of the scheduler: a step's counters and branches, and each of
# its copies into shared memory; a thread's beginning and end; a sum's bias, activation and store. A conversion from or
# to half precision takes four turns (32 lanes a clock, CUDA C Programming Guide, arithmetic instructions, 5.3).
STEP_TURNS, COPY_TURNS, THREAD_TURNS = 50, 4, 150
SUM_TURNS = {"float": 4, "half": 12}
CLAMPED_HALF_TURNS = 2
CONVERSION_TURNS = 5


def choose_tile(
    layer: Convolution, gpu: GpuSpec, arithmetic: Arithmetic, *, whole_picture: bool = False
) -> Tile:
    """The tile for a full convolution.

    Args:
        layer: The convolution.
        gpu: Where it will run.
        arithmetic: What a register holds.
        whole_picture: One block must hold all pixels.
    """
    size = _Size(
        layer.out.pixels,
        layer.out.channels,
        int(layer.weight[0].size),
        layer.x.planar,
        whole_picture,
        arithmetic.kind == "half" and layer.activation == "relu6",
    )
    return _choose(size, gpu, arithmetic)


@dataclass(frozen=True)
class _Size:
    """What the choice depends on beside the machine; `clamped`: relu6 on halves."""

    pixels: int
    channels: int
    depth: int
    planar: bool
    whole_picture: bool
    clamped: bool


@cache
def _choose(size: _Size, gpu: GpuSpec, arithmetic: Arithmetic) -> Tile:
    return min(_candidates(size, gpu, arithmetic), key=lambda tile: _time(tile, size, gpu))


def _candidates(size: _Size, gpu: GpuSpec, arithmetic: Arithmetic) -> Iterator[Tile]:
    per_word = arithmetic.per_word
    slot = VECTOR * per_word
    all_slots = ceil(size.depth / slot)
    steps = sorted({min(slots, all_slots) * slot for slots in STEP_SLOTS})
    if size.planar and all_slots <= 2 * max(STEP_SLOTS):
        steps = [all_slots * slot]  # each tap's place is known while the code is written
    for rows, columns in combinations(ROWS, COLUMNS):
        if not LEAST_THREADS <= rows * columns <= MOST_THREADS:
            continue
        for pixels, words in combinations(THREAD_PIXELS, THREAD_WORDS):
            channels = words * per_word
            if rows > 4 and pixels * rows >= 2 * max(size.pixels, LEAST_THREADS * pixels // columns):
                continue
            if channels * columns >= 2 * max(size.channels, slot):
                continue
            if size.whole_picture and pixels * rows < size.pixels:
                continue
            if size.planar and pixels % columns:
                continue
            for step, groups in combinations(steps, GROUPS):
                if groups > 1 and (groups * step > size.depth or size.whole_picture):
                    continue
                tile = Tile(pixels, channels, rows, columns, step, groups, per_word)
                most = min(MOST_REGISTERS, gpu.most_registers(tile.threads))
                if tile.threads <= MOST_THREADS and registers_of(tile, size.depth) <= most:
                    yield tile


def registers_of(tile: Tile, depth: int) -> int:
    """About how many registers a thread needs."""
    sums = tile.thread_pixels * tile.thread_words
    totals = tile.thread_pixels * tile.thread_channels if keeps_totals(tile, depth) else 0
    turns = ceil(tile.pixels * tile.slots / tile.group_threads)
    turns += ceil(tile.weight_words / VECTOR / tile.group_threads)
    fetched = VECTOR * turns if depth > tile.step * tile.groups else 0
    inputs = VECTOR * tile.thread_pixels
    return sums + totals + fetched + inputs + tile.thread_words + OTHER_REGISTERS


def _time(tile: Tile, size: _Size, gpu: GpuSpec) -> tuple[float, int]:
    blocks = ceil(size.pixels / tile.pixels) * ceil(size.channels / tile.channels)
    return cycles(gpu, _block(tile, size), blocks), tile.threads


def _block(tile: Tile, size: _Size) -> Block:
    steps = ceil(size.depth / (tile.step * tile.groups))
    rows = steps * tile.step  # of the depth, for each thread
    kind = "float" if tile.per_word == 1 else "half"
    sums = tile.thread_pixels * tile.thread_channels
    slots = rows // tile.slot
    loads = slots * tile.thread_pixels + rows * tile.thread_words // tile.vector
    loaded = WORD_BYTES * (slots * tile.thread_pixels * VECTOR + rows * tile.thread_words)
    copies = steps * tile.groups * (tile.pixels * tile.slots + tile.weight_words // VECTOR)
    added = (tile.groups - 1) * tile.group_threads * sums
    has_totals = keeps_totals(tile, size.depth)
    chains = ceil(rows / max(HALF_CHAIN, tile.step)) if has_totals else 0
    each_sum = CLAMPED_HALF_TURNS if size.clamped and not has_totals else SUM_TURNS[kind]
    thread_turns = (
        rows * tile.thread_pixels * tile.thread_words
        + loads
        + STEP_TURNS * steps
        + THREAD_TURNS
        + CONVERSION_TURNS * sums * chains
    )
    return Block(
        threads=tile.threads,
        registers=registers_of(tile, size.depth),
        shared_bytes=WORD_BYTES * tile.shared_words(steps),
        issue=lanes(tile.threads) * (thread_turns + each_sum * sums) + COPY_TURNS * copies + 3 * added,
        shared_traffic=tile.threads * loaded + WORD_BYTES * (copies * VECTOR + 2 * added),
        loads=copies * (tile.slot if size.planar else 1)
        + tile.group_threads * tile.thread_channels // VECTOR,
        global_traffic=WORD_BYTES
        * (copies * VECTOR + tile.group_threads * tile.thread_pixels * tile.thread_words),
        barriers=steps,
    )


def work_of(layer: Convolution, product: Product, context: Context) -> Work:
    """What the launch of `product` does."""
    tile = product.tile
    blocks = product.grid[0] * product.grid[1]
    size = _Size(
        product.pixels, product.channels, product.source.depth, layer.x.planar, product.pooled, False
    )
    block = _block(tile, size)
    element = context.arithmetic.element_bytes
    weights = int(layer.weight.size) * element
    # Every row of blocks reads all weights; what the second cache cannot keep comes from memory again.
    passes = product.grid[1] if weights > context.gpu.l2_bytes // 2 else 1
    results = layer.out.channels if product.pooled else layer.out.size
    activations = layer.x.size * (WORD_BYTES if layer.x.planar else element) + results * element
    residual = layer.out.size * element if layer.residual else 0
    return Work(
        turns=product.steps,
        deals=tile.slots,
        multiply_adds=tile.slot * tile.thread_pixels * tile.thread_words,
        barriers=product.steps + 2 * (tile.groups - 1),
        shared_bytes=round(blocks * block.shared_traffic),
        loads=round(blocks * block.loads) + residual // 16,
        global_bytes=round(blocks * block.global_traffic) + residual,
        dram_bytes=activations + residual + passes * weights,
    )
