import numpy as np
from kernel_lab import MACHINES
from random_layers import convolution

from tsm_edge.export.kernels.call import ShiftBuffer, Weights
from tsm_edge.export.kernels.rules import lower_layer


def test_call_says_what_it_reads_writes_and_computes():
    layer = convolution(4, 5, 16, 24, shift=2, residual=True, activation="relu6")
    call = lower_layer(layer, MACHINES["host"])
    assert call.result is layer.out
    assert ShiftBuffer(0, 4 * 5 * 2) in call.operands
    assert {layer.x, layer.residual} <= set(call.operands)
    assert len(call.kernel.operands) == len(call.operands)
    floats = 20 * (16 + 2 + 24 + 24) + 16 * 24 + 24
    assert call.bytes_moved == 4 * floats
    assert call.flop == 2 * 20 * 16 * 24
    assert "16->24" in call.layer


def test_weights_count_their_floats():
    assert Weights(np.zeros((2, 3, 4), np.float32)).size == 24
