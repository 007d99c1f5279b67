import subprocess
import sys
from ctypes import CDLL, POINTER, Structure, c_char_p, c_int32, c_int64, c_uint32
from dataclasses import replace
from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest
from random_layers import convolution, depthwise, mean, save_shift

from tsm_edge.errors import CompileError
from tsm_edge.export.cuda import gpu_plan_source, plan_gpu
from tsm_edge.export.cuda.call import ShiftBuffer, Weights
from tsm_edge.export.cuda.convolution import POOLED_NAME
from tsm_edge.export.cuda.plan import offset_of
from tsm_edge.export.cuda.plan_source import MOST_OPERANDS
from tsm_edge.export.layers import Network, SaveShift, Tensor
from tsm_edge.export.link import c_source
from tsm_edge.targets.gpu import JETSON_NANO_GPU

PTX = "\n.version 6.5\n"


@pytest.fixture(scope="module", params=["fp32", "fp16"])
def plan(request, small_layers):
    return plan_gpu(small_layers, JETSON_NANO_GPU, request.param)


def test_every_shift_buffer_is_read_before_it_is_renewed(plan):
    read, renewed = {}, {}
    for position, call in enumerate(plan.calls):
        written = {id(operand) for operand in call.operands if _is_renewed(call, operand)}
        for operand in call.operands:
            if isinstance(operand, ShiftBuffer):
                (renewed if id(operand) in written else read)[operand.index] = position
    assert read.keys() == renewed.keys() == set(range(len(plan.state_offsets)))
    assert all(read[buffer] < renewed[buffer] for buffer in read)


def _is_renewed(call, operand):
    """write_call puts them last, each behind the tensor that is kept."""
    return "_keep" in call.kernel.name and operand in call.operands[-1:]


def test_no_launch_is_spent_on_shifting(plan, small_layers):
    shifts = [layer for layer in small_layers.layers if isinstance(layer, SaveShift)]
    means = sum(call.rule == POOLED_NAME for call in plan.calls)
    assert (len(shifts), means) == (3, 1)
    assert len(plan.calls) == len(small_layers.layers) - len(shifts) - means
    assert "save-shift" not in {call.rule for call in plan.calls}


def test_operands_lie_apart_and_on_their_boundaries(plan):
    halves = 2 if plan.half else 1
    places = [
        (offset_of(plan, operand), operand.size * operand.values.itemsize)
        for call in plan.calls
        for operand in call.operands
        if isinstance(operand, Weights)
    ]
    for ((_, one), one_bytes), ((_, other), other_bytes) in combinations(places, 2):
        assert one + one_bytes <= other or other + other_bytes <= one
    assert all(offset % 256 == 0 for (_, offset), _ in places)
    assert all(offset % 64 == 0 for offset in plan.arena.values())
    assert plan.state_bytes >= 4 // halves * (2 * 16 * 16 + 2 * 3 * 8 * 8)


def test_halves_take_half_the_room(small_layers):
    single, half = (plan_gpu(small_layers, JETSON_NANO_GPU, precision) for precision in ("fp32", "fp16"))
    assert half.arena_bytes <= 0.55 * single.arena_bytes
    assert half.half
    assert not single.half


def test_calls_of_one_name_share_one_kernel(plan):
    names = [kernel.name for kernel in plan.kernels]
    assert len(names) == len(set(names))
    assert {call.kernel.name for call in plan.calls} == set(names)
    assert all(plan.cuda_source.count(f" {name}(") == 2 for name in names), "declared and defined"


def test_records_say_what_a_manifest_lists(plan):
    records = plan.records()
    assert [record.name for record in records] == [call.kernel.name for call in plan.calls]
    assert all(record.bytes_moved > 0 for record in records)
    assert sum(record.flop for record in records) > 0


@pytest.mark.parametrize(
    "layer",
    [
        convolution(5, 9, 24, 24, kernel=3, padding=1, groups=3),
        convolution(5, 9, 3, 8, shift=1, planar=True),
        replace(depthwise(5, 9, 24), residual=Tensor("z", 5, 9, 24)),
        replace(mean(8, 8, 3), x=Tensor("x", 8, 8, 3, planar=True)),
        replace(save_shift(8, 8, 8, 1), x=Tensor("x", 8, 8, 8, planar=True)),
    ],
    ids=["groups", "shifted frame", "depthwise added to", "frame's mean", "kept frame"],
)
def test_layer_that_no_rule_covers_is_named_in_one_line(layer):
    out = layer.x if isinstance(layer, SaveShift) else layer.out
    with pytest.raises(CompileError, match=r"no GPU kernel covers .*CPU instead") as refused:
        plan_gpu(Network(layer.x, out, (layer,)), JETSON_NANO_GPU, "fp32")
    assert "\n" not in str(refused.value)


class Operand(Structure):
    _fields_ = (("space", c_int32), ("offset", c_int64))


class Call(Structure):
    _fields_ = (
        ("kernel", c_char_p),
        ("grid", c_uint32 * 3),
        ("block", c_uint32 * 3),
        ("shared_bytes", c_uint32),
        ("num_operands", c_int32),
        ("operands", Operand * MOST_OPERANDS),
    )


class Buffer(Structure):
    _fields_ = (("channels", c_int32), ("height", c_int32), ("width", c_int32), ("offset", c_int64))


class Plan(Structure):
    _fields_ = (
        *((name, c_int64) for name in ("arena_bytes", "weight_bytes", "state_bytes")),
        *((name, c_int32) for name in ("half", "num_calls", "num_shift_buffers")),
        ("calls", POINTER(Call)),
        ("shift_buffers", POINTER(Buffer)),
        ("compute_major", c_int32),
        ("compute_minor", c_int32),
        ("ptx_sha256", c_char_p),
    )


SPACES = ("frame", "arena", "weights", "state", "logits")


def test_generated_tables_are_the_plan(plan, small, tmp_path):
    source, library = tmp_path / "gpu_plan.c", tmp_path / "gpu_plan.so"
    source.write_text(gpu_plan_source(plan, small.spec, PTX))
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC"]
    include = f"-I{c_source('tsm_gpu_plan.h').parent}"
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *flags, include, source, "-o", library], check=True
    )
    table = POINTER(Plan).in_dll(CDLL(str(library)), "tsm_model_gpu_plan").contents
    assert (table.arena_bytes, table.weight_bytes) == (plan.arena_bytes, len(plan.weights))
    assert (table.state_bytes, table.half) == (plan.state_bytes, plan.half)
    assert (table.compute_major, table.compute_minor) == (5, 3)
    assert table.ptx_sha256.decode() == sha256(PTX.encode()).hexdigest()
    assert table.num_calls == len(plan.calls)
    for row, call in zip(table.calls[: table.num_calls], plan.calls, strict=True):
        assert row.kernel.decode() == call.kernel.name
        assert (tuple(row.grid), tuple(row.block)) == (call.kernel.grid, call.kernel.block)
        places = [(SPACES[each.space], each.offset) for each in row.operands[: row.num_operands]]
        assert places == [offset_of(plan, operand) for operand in call.operands]
    shapes = [(1, each.channels, each.height, each.width) for each in table.shift_buffers[:3]]
    assert tuple(shapes) == small.spec.state.shapes
    assert [each.offset for each in table.shift_buffers[:3]] == list(plan.state_offsets)


def test_weights_are_halved_where_they_are_multiplied(small_layers):
    plan = plan_gpu(small_layers, JETSON_NANO_GPU, "fp16")
    kinds = {
        operand.values.dtype
        for call in plan.calls
        for operand in call.operands
        if isinstance(operand, Weights)
    }
    assert kinds == {np.dtype(np.float16), np.dtype(np.float32)}, (
        "biases stay as they are where float32 is added"
    )
