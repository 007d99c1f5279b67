from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.export.kernels.call import KernelCall, ShiftBuffer
from tsm_edge.export.kernels.emitter import Kernel
from tsm_edge.export.layers import Tensor
from tsm_edge.export.memory_plan import ALIGNMENT, plan_memory

FRAME = Tensor("frame", 8, 8, 3, planar=True)
STATE = ShiftBuffer(0, 64)


def call(*operands):
    return KernelCall(Kernel("kernel", None, (), 1), operands, "rule", "layer", 0)


@st.composite
def networks(draw):
    """Calls in an order in which they can run: each reads some results before it and writes one."""
    results = [Tensor("t0", 1, 1, draw(st.integers(1, 500)))]
    calls = [call(FRAME, results[0])]
    for index in range(1, draw(st.integers(1, 14))):
        read = draw(st.lists(st.sampled_from(results), min_size=1, max_size=3, unique=True))
        results.append(Tensor(f"t{index}", draw(st.integers(1, 9)), 3, draw(st.integers(1, 60))))
        calls.append(call(*read, STATE, results[-1]))
    return calls, draw(st.sampled_from(results))


def lives(calls, logits):
    """(first, last) call of each tensor; the logits are read after the last one."""
    found = {}
    for position, step in enumerate(calls):
        for operand in step.operands:
            if isinstance(operand, Tensor) and operand != FRAME:
                first, _ = found.get(operand, (position, position))
                found[operand] = (first, position)
    return found | {logits: (found[logits][0], len(calls))}


@given(network=networks())
def test_tensors_that_live_together_share_no_byte(network):
    calls, logits = network
    plan = plan_memory(calls, logits.name)
    places = [
        (life, plan.offsets[tensor.name], plan.offsets[tensor.name] + 4 * tensor.size)
        for tensor, life in lives(calls, logits).items()
    ]
    for i, ((first, last), start, end) in enumerate(places):
        assert start % ALIGNMENT == 0
        assert 0 <= start < end <= plan.arena_bytes
        for (other_first, other_last), other_start, other_end in places[:i]:
            if first <= other_last and other_first <= last:
                assert end <= other_start or other_end <= start


@given(network=networks())
def test_arena_is_no_smaller_than_what_lives_at_once_and_no_larger_than_all(network):
    calls, logits = network
    found = lives(calls, logits)
    at_once = max(
        sum(4 * tensor.size for tensor, (first, last) in found.items() if first <= position <= last)
        for position in range(len(calls) + 1)
    )
    padded = sum(-(-4 * tensor.size // ALIGNMENT) * ALIGNMENT for tensor in found)
    assert at_once <= plan_memory(calls, logits.name).arena_bytes <= padded


def test_chain_needs_two_buffers_in_turn():
    tensors = [Tensor(f"t{i}", 4, 4, 16) for i in range(6)]
    calls = [call(FRAME, tensors[0]), *(call(a, b) for a, b in pairwise(tensors))]
    plan = plan_memory(calls, "t5")
    assert plan.arena_bytes == 2 * 4 * 4 * 16 * 4
    assert plan.offsets["t0"] == plan.offsets["t2"] == plan.offsets["t4"] != plan.offsets["t1"]


def test_frame_and_state_take_no_room():
    plan = plan_memory([call(FRAME, STATE, Tensor("y", 1, 1, 1))], "y")
    assert plan.offsets == {"y": 0}
    assert plan.arena_bytes == ALIGNMENT


@pytest.mark.parametrize("wide", [0, 1])
def test_tensor_of_two_sizes_gets_the_larger_one(wide):
    sizes = [Tensor("y", 1, 1, 27), Tensor("y", 1, 1, 32)]
    calls = [call(FRAME, sizes[wide]), call(sizes[1 - wide], Tensor("z", 1, 1, 1))]
    assert plan_memory(calls, "z").arena_bytes == 2 * ALIGNMENT + ALIGNMENT
