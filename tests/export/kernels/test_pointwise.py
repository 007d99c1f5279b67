import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_lab import COMPILED_EXAMPLES
from random_layers import ACTIVATIONS, convolution

LAYERS = {
    "whole vectors": convolution(7, 7, 32, 64, activation="relu6"),
    "one pixel": convolution(1, 1, 160, 320, activation="relu6"),
    "one channel": convolution(1, 1, 1, 1),
    "channels of no vector": convolution(5, 9, 3, 27, activation="relu"),
    "half a vector": convolution(7, 7, 24, 20),
    "shift": convolution(5, 9, 16, 96, shift=2, activation="relu6"),
    "odd shift": convolution(5, 9, 24, 24, shift=3),
    "shift that fills lanes": convolution(4, 4, 64, 16, shift=8),
    "residual": convolution(5, 9, 24, 24, residual=True),
    "residual under an activation": convolution(3, 3, 20, 24, residual=True, shift=5, activation="relu"),
    "more pixels than weights": convolution(31, 29, 8, 8, activation="relu6"),
}

drawn_layers = st.builds(
    convolution,
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(8, 40),
    st.integers(1, 40),
    activation=st.sampled_from(ACTIVATIONS),
    residual=st.booleans(),
    shift=st.integers(0, 7),
)


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(kernels, name):
    assert kernels.calls[name].rule == "pointwise"
    kernels.check(name)
    kernels.check(name, scale=1e4, seed=1)


@COMPILED_EXAMPLES
@given(layers=st.lists(drawn_layers, min_size=3, max_size=3))
def test_any_shape_equals_torch(compile_kernels, layers):
    kernels = compile_kernels(dict(enumerate(layers)), "host")
    for number in kernels.layers:
        kernels.check(number)


def test_strided_ones_are_left_to_the_rule_for_any_kernel(compile_kernels):
    kernels = compile_kernels({"shortcut": convolution(7, 5, 24, 20, stride=2)}, "host")
    assert kernels.calls["shortcut"].rule == "convolution"
    kernels.check("shortcut")
