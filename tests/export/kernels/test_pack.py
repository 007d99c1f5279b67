import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.export.kernels.pack import pack_bias, pack_panels

sizes = st.integers(1, 9)


@given(out=st.integers(1, 40), channels=sizes, rows=sizes, columns=sizes, width=st.integers(1, 16))
def test_every_weight_is_where_its_tile_reads_it(out, channels, rows, columns, width):
    weight = np.arange(1, 1 + out * channels * rows * columns, dtype=np.float32)
    weight = weight.reshape(out, channels, rows, columns)
    packed = pack_panels(weight, width)
    assert packed.flags.c_contiguous
    assert packed.dtype == np.float32
    lanes = np.moveaxis(packed, 4, 1).reshape(
        -1, rows, columns, channels
    )  # panels and lanes: output channels
    np.testing.assert_array_equal(lanes[:out], weight.transpose(0, 2, 3, 1))
    assert not lanes[out:].any()
    assert len(lanes) == -(-out // width) * width


@given(vectors=st.integers(1, 9), lanes=st.sampled_from((1, 4, 16)), copies=st.integers(1, 8))
def test_every_copy_of_a_bias_lies_beside_the_others(vectors, lanes, copies):
    bias = np.arange(vectors * lanes, dtype=np.float32)
    packed = pack_bias(bias, lanes, copies).ravel()
    for channel in range(len(bias)):
        vector, lane = divmod(channel, lanes)
        for copy in range(copies):
            assert packed[(vector * copies + copy) * lanes + lane] == bias[channel]
