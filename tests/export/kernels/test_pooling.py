import pytest
from random_layers import mean, pool

LAYERS = {
    "largest, ResNet's": pool(16, 15, 64, kernel=3, stride=2, padding=1),
    "largest, channels of no vector": pool(5, 9, 27, kernel=3, stride=1, padding=1),
    "largest, one pixel": pool(1, 1, 20, kernel=3, stride=2, padding=1),
    "largest, no padding": pool(7, 6, 24, kernel=2, stride=2, padding=0),
    "mean": mean(7, 7, 320),
    "mean, channels of no vector": mean(5, 9, 27),
    "mean, one pixel": mean(1, 1, 24),
}


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(kernels, name):
    assert kernels.calls[name].rule == ("max-pool" if "largest" in name else "global-average-pool")
    kernels.check(name)
    kernels.check(name, scale=1e4, seed=1)
