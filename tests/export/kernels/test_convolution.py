import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_lab import COMPILED_EXAMPLES
from random_layers import ACTIVATIONS, convolution

LAYERS = {
    "stem": convolution(17, 18, 3, 32, kernel=3, stride=2, padding=1, planar=True, activation="relu6"),
    "stem 7x7": convolution(16, 15, 3, 24, kernel=7, stride=2, padding=3, planar=True, activation="relu"),
    "whole vectors": convolution(7, 7, 16, 32, kernel=3, padding=1, activation="relu"),
    "channels of no vector": convolution(5, 9, 3, 27, kernel=3, padding=1),
    "one pixel": convolution(1, 1, 24, 20, kernel=3, padding=1, activation="relu6"),
    "stride 2, odd": convolution(7, 9, 20, 24, kernel=3, stride=2, padding=1),
    "stride 2, even": convolution(8, 6, 20, 24, kernel=3, stride=2, padding=1),
    "shift": convolution(5, 5, 24, 20, kernel=3, padding=1, shift=3, activation="relu"),
    "shift, stride 2": convolution(6, 6, 16, 32, kernel=3, stride=2, padding=1, shift=2, activation="relu"),
    "residual": convolution(5, 5, 24, 20, kernel=3, padding=1, residual=True),
    "residual under an activation": convolution(
        5, 5, 24, 20, kernel=3, padding=1, residual=True, activation="relu"
    ),
    "shortcut": convolution(7, 7, 16, 24, stride=2),
    "1x1 on the frame": convolution(4, 5, 3, 8, planar=True),
    "5x5": convolution(6, 7, 8, 12, kernel=5, padding=2, activation="relu6"),
    "no padding": convolution(5, 9, 8, 16, kernel=3),
    "window of padding alone": convolution(2, 2, 4, 8, kernel=3, padding=3),
    "stride beyond the kernel": convolution(9, 9, 8, 8, kernel=2, stride=3, padding=1),
}

drawn_layers = st.builds(
    convolution,
    st.integers(3, 9),
    st.integers(3, 20),
    st.integers(4, 20),
    st.integers(1, 40),
    kernel=st.sampled_from((1, 2, 3)),
    stride=st.integers(1, 3),
    padding=st.integers(1, 3),
    activation=st.sampled_from(ACTIVATIONS),
    residual=st.booleans(),
    shift=st.integers(0, 3),
)


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(kernels, name):
    assert kernels.calls[name].rule == "convolution"
    kernels.check(name)
    kernels.check(name, scale=1e4, seed=1)


@COMPILED_EXAMPLES
@given(layers=st.lists(drawn_layers, min_size=3, max_size=3))
def test_any_shape_equals_torch(compile_kernels, layers):
    kernels = compile_kernels(dict(enumerate(layers)), "host")
    for number in kernels.layers:
        kernels.check(number)
