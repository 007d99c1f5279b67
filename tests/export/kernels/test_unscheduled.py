import pytest
from random_layers import convolution

LAYERS = {
    "groups": convolution(5, 9, 24, 20, kernel=3, padding=1, groups=4, activation="relu6"),
    "groups, stride 2": convolution(7, 8, 8, 16, kernel=3, stride=2, padding=1, groups=2, activation="relu"),
    "pointwise groups": convolution(3, 3, 20, 40, groups=5),
    "two outputs a channel": convolution(5, 5, 6, 12, kernel=3, padding=1, groups=6),
    "residual": convolution(4, 4, 8, 8, kernel=3, padding=1, groups=2, residual=True, activation="relu"),
    "rectangular": convolution(5, 9, 8, 12, kernel=(1, 3), padding=0),
    "rectangular depthwise": convolution(6, 5, 12, 12, kernel=(3, 1), padding=1, groups=12),
    "rectangular depthwise with residual": convolution(
        6, 5, 12, 12, kernel=(3, 5), padding=2, groups=12, residual=True
    ),
    "depthwise with residual": convolution(6, 5, 12, 12, kernel=3, padding=1, groups=12, residual=True),
    "window of padding alone": convolution(2, 2, 4, 8, kernel=3, padding=3, groups=2),
}


@pytest.fixture(scope="module", params=["host"])
def kernels(request, compile_kernels):
    return compile_kernels(LAYERS, request.param)


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(kernels, name):
    assert kernels.calls[name].rule == "unscheduled"
    kernels.check(name)
    kernels.check(name, scale=1e4, seed=1)
