import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_lab import COMPILED_EXAMPLES
from random_layers import ACTIVATIONS, depthwise

LAYERS = {
    "whole vectors": depthwise(7, 7, 64),
    "row of many tiles": depthwise(3, 56, 24),
    "channels of no vector": depthwise(5, 9, 27, activation="none"),
    "half a vector": depthwise(4, 6, 20, activation="relu"),
    "one pixel": depthwise(1, 1, 96),
    "one row": depthwise(1, 30, 8, activation="none"),
    "stride 2, odd": depthwise(7, 7, 32, stride=2),
    "stride 2, even": depthwise(8, 6, 32, stride=2),
    "stride 2, one pixel": depthwise(1, 1, 16, stride=2),
    "stride 3": depthwise(11, 10, 8, stride=3),
    "5x5": depthwise(6, 7, 20, kernel=5, padding=2, activation="relu"),
    "7x7, stride 2": depthwise(9, 8, 12, kernel=7, padding=3, stride=2),
    "no padding": depthwise(5, 9, 24, padding=0, activation="none"),
    "window of padding alone": depthwise(2, 2, 8, padding=3, activation="none"),
    "1x1": depthwise(5, 9, 24, kernel=1, padding=0),
}

drawn_layers = st.builds(
    depthwise,
    st.integers(3, 9),
    st.integers(3, 30),
    st.integers(2, 40),
    kernel=st.sampled_from((1, 3)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    activation=st.sampled_from(ACTIVATIONS),
)


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(kernels, name):
    assert kernels.calls[name].rule == "depthwise"
    kernels.check(name)
    kernels.check(name, scale=1e4, seed=1)


@COMPILED_EXAMPLES
@given(layers=st.lists(drawn_layers, min_size=3, max_size=3))
def test_any_shape_equals_torch(compile_kernels, layers):
    kernels = compile_kernels(dict(enumerate(layers)), "host")
    for number in kernels.layers:
        kernels.check(number)
