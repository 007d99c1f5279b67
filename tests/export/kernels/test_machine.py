import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.export.kernels.machine import Machine, machine_of
from tsm_edge.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_follows_the_table(target):
    machine = machine_of(target)
    assert machine.vector_floats * 32 == target.vector_bits
    assert machine.registers == target.vector_registers
    assert machine.multiplies_by_lane == target.triple.startswith("aarch64")


@given(channels=st.integers(1, 2048), vector_floats=st.sampled_from((4, 8, 16)))
def test_vectors_are_the_widest_power_of_two_that_divides(channels, vector_floats):
    lanes = Machine(vector_floats, 32, False).lanes_for(channels)
    assert channels % lanes == 0
    assert lanes == vector_floats or (lanes & (lanes - 1) == 0 and channels % (2 * lanes) != 0)
