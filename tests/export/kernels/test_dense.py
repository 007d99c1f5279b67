import pytest
from random_layers import dense

LAYERS = {
    f"{channels} to {classes}": dense(channels, classes)
    for channels, classes in ((1280, 27), (24, 1), (3, 2), (20, 64), (7, 65), (512, 174))
}


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(kernels, name):
    assert kernels.calls[name].rule == "dense"
    kernels.check(name)
    kernels.check(name, scale=1e4, seed=1)
