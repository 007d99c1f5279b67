import pytest
from random_layers import save_shift

LAYERS = {
    "whole vectors": save_shift(7, 7, 64, 8),
    "odd": save_shift(5, 9, 24, 3),
    "one pixel": save_shift(1, 1, 160, 20),
    "half of all": save_shift(3, 4, 8, 4),
    "all": save_shift(3, 4, 8, 8),
}


@pytest.mark.parametrize("name", LAYERS)
def test_keeps_the_first_channels(kernels, name):
    assert kernels.calls[name].rule == "save-shift"
    kernels.check(name)
