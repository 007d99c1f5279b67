from hypothesis import given, settings
from hypothesis import strategies as st
from random_layers import convolution

from tsm_edge.export.cuda.emitter import Arithmetic
from tsm_edge.export.cuda.model import BLOCK_SHARED_BYTES, Block, cycles, resident_blocks
from tsm_edge.export.cuda.tiling import MOST_THREADS, choose_tile, registers_of
from tsm_edge.targets.gpu import JETSON_NANO_GPU, JETSON_ORIN_NANO_GPU

SIZES = st.integers(1, 60)
BLOCK = Block(
    threads=128, registers=64, shared_bytes=0, issue=1e6, shared_traffic=0, loads=0, global_traffic=0
)


@settings(max_examples=25, deadline=None)
@given(SIZES, SIZES, st.integers(1, 1500), st.integers(1, 1500), st.sampled_from(["float", "half"]))
def test_every_product_gets_a_tile_that_fits(height, width, channels, out_channels, kind):
    layer = convolution(height, width, channels, out_channels)
    tile = choose_tile(layer, JETSON_NANO_GPU, Arithmetic(kind))
    steps = -(-channels // (tile.step * tile.groups))
    assert tile.threads <= MOST_THREADS
    assert 4 * tile.shared_words(steps) <= BLOCK_SHARED_BYTES
    assert registers_of(tile, channels) * tile.threads <= JETSON_NANO_GPU.block_registers
    assert tile.step % tile.slot == 0
    assert tile.line // 4 % 2 == 1, "rows of shared memory begin on different banks"


def test_more_multiprocessors_get_more_blocks():
    layer = convolution(7, 7, 160, 960)
    blocks = []
    for gpu in (JETSON_NANO_GPU, JETSON_ORIN_NANO_GPU):
        tile = choose_tile(layer, gpu, Arithmetic("float"))
        blocks.append(-(-49 // tile.pixels) * -(-960 // tile.channels))
    assert blocks[1] >= 8
    assert blocks[1] > blocks[0]


def test_pooled_tile_holds_the_picture():
    tile = choose_tile(convolution(7, 7, 320, 1280), JETSON_NANO_GPU, Arithmetic("half"), whole_picture=True)
    assert tile.pixels >= 49
    assert tile.groups == 1


def test_residency_follows_the_scarcest_resource():
    gpu = JETSON_NANO_GPU
    assert resident_blocks(gpu, BLOCK) == 8
    assert resident_blocks(gpu, _with(registers=128)) == 4
    assert resident_blocks(gpu, _with(shared_bytes=20 << 10)) == 3
    assert resident_blocks(gpu, _with(registers=16)) == 16
    assert resident_blocks(gpu, _with(shared_bytes=50 << 10)) == 0
    assert resident_blocks(gpu, _with(threads=512, registers=128)) == 0, "half the registers for a block"
    assert cycles(gpu, _with(shared_bytes=50 << 10), 1) == float("inf")


def test_more_work_takes_longer():
    gpu = JETSON_NANO_GPU
    times = [cycles(gpu, BLOCK, blocks) for blocks in (1, 8, 9, 16, 17)]
    assert times == sorted(times)
    assert cycles(gpu, _with(issue=2e6), 8) > cycles(gpu, BLOCK, 8)
    assert cycles(JETSON_ORIN_NANO_GPU, BLOCK, 64) < cycles(gpu, BLOCK, 64) / 4


def _with(**changes):
    from dataclasses import replace

    return replace(BLOCK, **changes)
