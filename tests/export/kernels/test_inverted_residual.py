import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_lab import COMPILED_EXAMPLES
from random_layers import ACTIVATIONS, convolution, inverted_residual

STEM = convolution(16, 14, 3, 32, kernel=3, stride=2, padding=1, planar=True, activation="relu6")

LAYERS = {
    "residual with shift": inverted_residual(7, 7, 16, 96, 16, shift=2, residual=True),
    "odd shift": inverted_residual(5, 9, 24, 144, 24, shift=3, residual=True),
    "stride 2, odd": inverted_residual(7, 9, 16, 96, 24, stride=2),
    "stride 2, even": inverted_residual(8, 6, 24, 72, 20, stride=2),
    "channels of no vector": inverted_residual(5, 4, 3, 27, 5, activation="relu"),
    "one pixel": inverted_residual(1, 1, 24, 48, 24, shift=3, residual=True),
    "one pixel, stride 2": inverted_residual(1, 1, 8, 16, 20, stride=2),
    "one row": inverted_residual(1, 20, 8, 48, 8, residual=True),
    "one column": inverted_residual(11, 1, 8, 16, 8, stride=2),
    "without activations": inverted_residual(6, 5, 8, 24, 8, activation="none"),
    "stem instead of an expansion": inverted_residual(16, 14, 3, 32, 16, expand=STEM),
}

drawn_layers = st.builds(
    inverted_residual,
    st.integers(1, 9),
    st.integers(1, 20),
    st.integers(4, 20),
    st.integers(1, 40),
    st.integers(1, 40),
    stride=st.integers(1, 2),
    shift=st.integers(0, 3),
    activation=st.sampled_from(ACTIVATIONS),
)


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(kernels, name):
    assert kernels.calls[name].rule == "inverted-residual"
    kernels.check(name)


def test_large_values_pass(kernels):
    kernels.check("without activations", scale=1e4)


@COMPILED_EXAMPLES
@given(layers=st.lists(drawn_layers, min_size=2, max_size=2))
def test_any_shape_equals_torch(compile_kernels, layers):
    kernels = compile_kernels(dict(enumerate(layers)), "host")
    for number in kernels.layers:
        kernels.check(number)
