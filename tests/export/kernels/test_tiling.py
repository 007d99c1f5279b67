from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_lab import MACHINES

from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.tiling import (
    TileQuestion,
    choose_tile,
    rank_tiles,
    split_evenly,
    split_into_turns,
)

machines = st.sampled_from([*MACHINES.values(), Machine(4, 16, False), Machine(8, 16, False)])


@given(pixels=st.integers(1, 5000), most=st.integers(1, 40))
def test_tiles_cover_every_pixel_once(pixels, most):
    split = split_evenly(pixels, most)
    covered = []
    for first, tiles, size in split.groups():
        assert 1 <= size <= most
        covered += range(first, first + tiles * size)
    assert covered == list(range(pixels))


@given(pixels=st.integers(1, 5000), most=st.integers(1, 40))
def test_there_are_as_few_tiles_as_can_be_all_about_the_same_size(pixels, most):
    groups = list(split_evenly(pixels, most).groups())
    sizes = [size for _, _, size in groups]
    assert sum(tiles for _, tiles, _ in groups) == split_evenly(pixels, most).count == -(-pixels // most)
    assert max(sizes) - min(sizes) <= 1


@given(blocks=st.integers(0, 200), most=st.integers(1, 6))
def test_turns_cover_every_block_and_hardly_any_is_straight_code(blocks, most):
    loops = split_into_turns(blocks, most)
    assert sum(turns * n for turns, n in loops) == blocks
    assert all(1 <= n <= max(most, 2) for _, n in loops)
    assert sum(n for turns, n in loops if turns == 1) <= 1


@given(pixels=st.integers(1, 5000), channels=st.integers(1, 1280), machine=machines)
def test_tile_fits_channels_and_registers(pixels, channels, machine):
    tile = choose_tile(pixels, channels, machine)
    assert channels % tile.width == 0
    assert all(machine.vector_floats % lanes == 0 for lanes in tile.vector_lanes)
    inputs = tile.pixels if machine.multiplies_by_lane else 1
    assert tile.pixels * tile.vectors + tile.vectors + inputs <= machine.registers


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_enough_multiply_adds_are_in_flight_where_shapes_allow_it(machine):
    tile = choose_tile(196, 64 * machine.vector_floats, machine)
    assert tile.pixels * tile.vectors >= 8  # two pipes of four cycles
    assert tile.lanes == machine.vector_floats


def test_choice_is_the_same_every_time():
    shapes = [(pixels, channels) for pixels in (1, 49, 196, 784) for channels in (24, 96, 320)]
    chosen = [choose_tile(*shape, MACHINES["neon"]) for shape in shapes]
    assert [choose_tile(*shape, MACHINES["neon"]) for shape in reversed(shapes)] == chosen[::-1]


@given(pixels=st.integers(1, 5000), channels=st.integers(1, 1280), machine=machines)
def test_cheapest_tile_is_the_choice_unless_another_was_measured(pixels, channels, machine):
    question = TileQuestion(pixels, channels, 96)
    tiles = rank_tiles(question, machine)
    assert choose_tile(pixels, channels, machine, 96) == tiles[0]
    tuned = replace(machine, tuned_tiles={question: tiles[-1]})
    assert choose_tile(pixels, channels, tuned, 96) == tiles[-1]
    assert choose_tile(pixels, channels, tuned, 97) == choose_tile(pixels, channels, machine, 97)


@pytest.mark.parametrize("machine", [MACHINES["avx512"], Machine(8, 16, False)])
def test_pixels_that_share_a_set_of_the_cache_are_few(machine):
    crowded = choose_tile(196, 256, machine, 1024, pixel_stride=1024)
    assert crowded.pixels <= 7
    assert choose_tile(196, 256, machine, 1024, pixel_stride=1040) == choose_tile(196, 256, machine, 1024)


def test_where_lanes_are_used_a_stride_changes_nothing():
    assert choose_tile(196, 256, MACHINES["neon"], 1024, 1024) == choose_tile(
        196, 256, MACHINES["neon"], 1024
    )


@pytest.mark.parametrize(("channels", "lanes"), [(24, (16, 8)), (40, (16, 16, 8)), (96, (16, 16))])
def test_channels_that_are_no_whole_vectors_get_one_narrow_vector(channels, lanes):
    machine = MACHINES["avx512"]
    assert choose_tile(56, channels, machine, 96).vector_lanes == lanes
    assert set(choose_tile(56, channels, machine, 96, uniform=True).vector_lanes) == {
        machine.lanes_for(channels)
    }
