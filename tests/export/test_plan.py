from dataclasses import replace

import numpy as np
import pytest
from small_graph import SmallGraph

from tsm_edge.errors import CompileError
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.kernels import unscheduled
from tsm_edge.export.kernels.call import ShiftBuffer, Weights
from tsm_edge.export.layers import Tensor
from tsm_edge.export.memory_plan import ALIGNMENT
from tsm_edge.export.models import build_model
from tsm_edge.export.onnx_export import export_onnx
from tsm_edge.export.plan import plan_network
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.targets import TARGETS

NEON = TARGETS["jetson-nano"]


def block(graph, x, hidden, out, kernel=3, stride=1):
    """Expansion, depthwise convolution, projection."""
    wide = graph.relu6(graph.conv(x, hidden))
    thin = graph.relu6(graph.conv(wide, hidden, kernel, groups=hidden, strides=[stride] * 2))
    return graph.conv(thin, out)


@pytest.fixture
def plan(tmp_path):
    """Plan a graph's layers for a target."""

    def plan_(graph, results, target=NEON):
        return plan_network(fuse_layers(graph.read(tmp_path, *results)), target)

    return plan_


@pytest.fixture
def small(plan):
    graph = SmallGraph()
    x = graph.relu6(graph.conv("frame", 16, 3, strides=[2, 2]))
    shifted, first = graph.shift(x, 2)
    y = graph.node("Add", block(graph, shifted, 96, 16), x)
    shifted, second = graph.shift(y, 2)
    z = graph.node("Add", block(graph, shifted, 96, 16), y)
    logits, last = graph.tail(z)
    return plan(graph, (logits, first, second, last))


def operands(plan, kind):
    return [operand for call in plan.calls for operand in call.operands if isinstance(operand, kind)]


def test_every_tensor_but_the_frame_has_a_place(small):
    tensors = {operand.name for operand in operands(small, Tensor) if not operand.planar}
    assert tensors == set(small.arena)
    assert small.logits in tensors
    assert all(0 <= offset < small.arena_bytes for offset in small.arena.values())


def test_every_weight_lies_where_the_plan_says_and_overlaps_no_other(small):
    end = 0
    for weights in operands(small, Weights):
        offset = small.weight_offsets[id(weights)]
        assert offset % ALIGNMENT == 0
        assert offset >= end
        end = offset + 4 * weights.size
        found = np.frombuffer(small.weights[offset:end], np.float32)
        np.testing.assert_array_equal(found, weights.values.ravel())
    assert end <= len(small.weights) < end + ALIGNMENT


def test_blocks_of_one_shape_share_a_kernel(small):
    blocks = [call.kernel for call in small.calls if call.rule == "inverted-residual"]
    assert len(blocks) == 2
    assert blocks[0].name == blocks[1].name
    names = [kernel.name for kernel in small.kernels]
    assert len(names) == len(set(names)) == len({call.kernel.name for call in small.calls})


def test_shift_buffers_are_read_before_they_are_written(small):
    for index in range(3):
        uses = [
            (call.result is operand)
            for call in small.calls
            for operand in call.operands
            if isinstance(operand, ShiftBuffer) and operand.index == index
        ]
        assert uses == [False, True]


def test_records_are_the_calls(small):
    records = small.records()
    assert [record.name for record in records] == [call.kernel.name for call in small.calls]
    assert all(record.flop > 0 for record in records if record.rule != "save-shift")
    assert all(record.bytes_moved > 0 for record in records)


@pytest.mark.parametrize(("kernel", "stride"), [(5, 1), (3, 3), (1, 1)])
def test_blocks_that_no_fused_kernel_covers_stay_three_layers(plan, kernel, stride):
    graph = SmallGraph()
    logits, kept = graph.tail(block(graph, graph.conv("frame", 8), 48, 8, kernel, stride))
    rules = [call.rule for call in plan(graph, (logits, kept)).calls]
    assert rules[1:4] == ["pointwise", "depthwise", "pointwise"]


def test_block_whose_weights_do_not_fit_the_cache_stays_three_layers(plan):
    graph = SmallGraph()
    logits, kept = graph.tail(block(graph, graph.conv("frame", 8), 48, 8))
    fused, apart = (
        [call.rule for call in plan(graph, (logits, kept), replace(NEON, l2_bytes=size)).calls]
        for size in (NEON.l2_bytes, 1024)
    )
    assert "inverted-residual" in fused
    assert "depthwise" not in fused
    assert "inverted-residual" not in apart


def test_hidden_value_that_others_use_keeps_the_block_apart(plan):
    graph = SmallGraph()
    wide = graph.relu6(graph.conv("frame", 48))
    thin = graph.relu6(graph.conv(wide, 48, 3, groups=48))
    y = graph.node("Add", graph.conv(thin, 48), wide)
    logits, kept = graph.tail(y)
    assert "inverted-residual" not in [call.rule for call in plan(graph, (logits, kept)).calls]


def test_layer_without_a_kernel_is_refused(plan):
    graph = SmallGraph()
    logits, kept = graph.tail(graph.conv("frame", 3, 3, groups=3))
    with pytest.raises(CompileError, match="no kernel rule covers") as refused:
        plan(graph, (logits, kept))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "image_size"), [("mobilenetv2-0.5", 112), ("mobilenetv2-1.4", 256), ("resnet18", 160)]
)
def test_every_layer_of_a_network_has_a_rule(name, image_size, tmp_path):
    export_onnx(build_model(name, image_size=image_size), tmp_path / "model.onnx")
    network = fuse_layers(read_graph(import_relax(tmp_path / "model.onnx")))
    for target in ("x86-64-v4", "x86-64-v2", "jetson-nano"):
        rules = {call.rule for call in plan_network(network, TARGETS[target]).calls}
        assert unscheduled.NAME not in rules
