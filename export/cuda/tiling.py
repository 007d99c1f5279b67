"""Which tile a product gets: the one that the model of a multiprocessor finds fastest, the same on every machine."""

from collections.abc import Iterator
from functools import cache
from itertools import product as combinations
from math import ceil

from tsm_edge.export.cuda.call import Context, Work
from tsm_edge.export.cuda.emitter import Arithmetic
from tsm_edge.export.cuda.model import Block, cycles
from tsm_edge.export.cuda.product import HALF_CHAIN, Product
from tsm_edge.export.cuda.tile import VECTOR, Tile
from tsm_edge.export.layers import Convolution
from tsm_edge.targets.gpu import GpuSpec

__all__ = ["choose_tile", "registers_of", "work_of"]

THREAD_PIXELS = (1, 2, 4, 7, 8)
THREAD_CHANNELS = (4, 8, 16)
ROWS = (4, 7, 8, 14, 16, 28, 32, 64)
COLUMNS = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 16, 18, 20)
STEPS = (8, 16, 32)
GROUPS = (1, 2, 4, 8)
LEAST_THREADS, MOST_THREADS = 32, 256
# More would spill, or leave too few warps to hide a load.
MOST_REGISTERS = 136
# Addresses, counters and what the compiler keeps for itself.
OTHER_REGISTERS = 24
WORD_BYTES = 4
# Instructions of one load into shared memory with its address, and of one sum's epilogue.
COPY_INSTRUCTIONS = 6
EPILOGUE_INSTRUCTIONS = 5


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
    depth = int(layer.weight[0].size)
    size = (layer.out.pixels, layer.out.channels, depth)
    return _choose(size, gpu, arithmetic, layer.x.planar, whole_picture)


@cache
def _choose(
    size: tuple[int, int, int], gpu: GpuSpec, arithmetic: Arithmetic, planar: bool, whole_picture: bool
) -> Tile:
    pixels, _, _ = size
    candidates = [
        tile
        for tile in _candidates(size, arithmetic, planar)
        if not whole_picture or (tile.pixels >= pixels and tile.groups == 1)
    ]
    return min(candidates, key=lambda tile: _time(tile, size, gpu))


def _candidates(size: tuple[int, int, int], arithmetic: Arithmetic, planar: bool) -> Iterator[Tile]:
    pixels, channels, depth = size
    per_word = arithmetic.per_word
    slot = VECTOR * per_word
    steps = {-(-step // slot) * slot for step in STEPS if step < depth + max(STEPS)}
    if planar and depth <= 2 * max(STEPS):
        steps = {-(-depth // slot) * slot}
    for p, c, rows, columns, step, groups in combinations(
        THREAD_PIXELS, THREAD_CHANNELS, ROWS, COLUMNS, sorted(steps), GROUPS
    ):
        tile = Tile(p, c, rows, columns, step, groups, per_word)
        if not tile.group_threads >= LEAST_THREADS or tile.threads > MOST_THREADS:
            continue
        if groups > 1 and groups * step > depth:
            continue
        if tile.pixels >= 2 * max(pixels, 4 * p) or tile.channels >= 2 * max(channels, 4):
            continue
        if planar and tile.pixels % tile.group_threads:
            continue
        if registers_of(tile) <= MOST_REGISTERS:
            yield tile


def registers_of(tile: Tile) -> int:
    """About how many registers a thread needs."""
    sums = tile.thread_pixels * tile.thread_words
    totals = tile.thread_pixels * tile.thread_channels if tile.per_word > 1 else 0
    fetched = VECTOR * (
        ceil(tile.pixels * tile.slots / tile.group_threads)
        + ceil(tile.weight_words / VECTOR / tile.group_threads)
    )
    inputs = VECTOR * tile.thread_pixels
    return sums + totals + fetched + inputs + tile.thread_words + OTHER_REGISTERS


def _time(tile: Tile, size: tuple[int, int, int], gpu: GpuSpec) -> tuple[float, int]:
    pixels, channels, _ = size
    blocks = ceil(pixels / tile.pixels) * ceil(channels / tile.channels)
    return cycles(gpu, _block(tile, size), blocks), tile.threads


def _block(tile: Tile, size: tuple[int, int, int]) -> Block:
    _, _, depth = size
    steps = ceil(depth / (tile.step * tile.groups))
    rows = steps * tile.step  # of the depth, for each thread
    sums = tile.thread_pixels * tile.thread_channels
    multiply_adds = tile.threads * tile.thread_pixels * tile.thread_words * rows
    slots = rows // tile.slot
    loaded = slots * tile.thread_pixels + rows * tile.thread_words // tile.vector
    loaded_bytes = WORD_BYTES * (slots * tile.thread_pixels * VECTOR + rows * tile.thread_words)
    copied = tile.groups * steps * (tile.input_words + tile.weight_words)
    moved = 0.0
    if tile.per_word > 1:
        moved = 3 * tile.threads * sums * ceil(rows / max(HALF_CHAIN, tile.step))
    added = (tile.groups - 1) * tile.group_threads * sums
    return Block(
        threads=tile.threads,
        registers=registers_of(tile),
        shared_bytes=WORD_BYTES * tile.shared_words(steps),
        multiply_adds=multiply_adds + moved,
        instructions=multiply_adds
        + moved
        + tile.threads * loaded
        + COPY_INSTRUCTIONS * copied / VECTOR
        + 3 * added
        + EPILOGUE_INSTRUCTIONS * tile.group_threads * sums,
        shared_traffic=tile.threads * loaded_bytes + WORD_BYTES * (copied + 2 * added),
        cache_traffic=WORD_BYTES * (copied + tile.group_threads * sums // tile.per_word),
    )


def work_of(layer: Convolution, product: Product, context: Context) -> Work:
    """What the launch of `product` does."""
    tile = product.tile
    blocks = product.grid[0] * product.grid[1]
    block = _block(tile, (product.pixels, product.channels, product.source.depth))
    element = context.arithmetic.element_bytes
    weights = int(layer.weight.size) * element
    # Every row of blocks reads all weights; what the second cache cannot keep comes from memory again.
    passes = product.grid[1] if weights > context.gpu.l2_bytes // 2 else 1
    activations = layer.x.size * (WORD_BYTES if layer.x.planar else element) + layer.out.size * element
    residual = layer.out.size * element if layer.residual else 0
    return Work(
        multiply_adds=round(blocks * block.multiply_adds),
        instructions=round(blocks * block.instructions),
        shared_bytes=round(blocks * block.shared_traffic),
        global_bytes=round(blocks * block.cache_traffic),
        dram_bytes=activations + residual + passes * weights,
    )
