"""Results as tuning stores them, and layers that they are for."""

from collections.abc import Callable

import pytest
from random_layers import convolution

from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.tiling import rank_tiles
from tsm_edge.export.layers import Convolution, Layer
from tsm_edge.export.tuning.database import TileChoice, TunedLayer, machine_key, rules_fingerprint
from tsm_edge.export.tuning.layer_tiles import asked_tiles, layer_key
from tsm_edge.targets import TARGETS

AVX2 = TARGETS["x86-64-v3"]


@pytest.fixture
def layer() -> Convolution:
    return convolution(8, 8, 16, 32, activation="relu6")


@pytest.fixture
def result() -> Callable[..., TunedLayer]:
    """What tuning would store of `layer` if the rule's choice number `rank` were the fastest."""

    def make(layer: Layer, *, rank: int = 1, target=AVX2, **fields: object) -> TunedLayer:
        machine = machine_of(target)
        _, own = asked_tiles(layer, machine)
        choices = [TileChoice.of(question, rank_tiles(question, machine)[rank]) for question in own]
        values = {
            "layer": layer_key(layer),
            "machine": machine_key(target),
            "choices": tuple(choices),
            "rule_ms": 2.0,
            "tuned_ms": 1.5,
            "trials": 7,
            "device": "a board",
            "measured_at": "2026-11-25T12:00:00+00:00",
            "versions": {"tsm-edge": "0.1.0"},
            "rules": rules_fingerprint(),
        }
        return TunedLayer(**(values | fields))

    return make
