import pytest
import torch

from tsm_edge.export.models import build_backbone, make_spec
from tsm_edge.export.models.mobilenet_v2 import STAGE_ENDS, MobileNetV2, stage_channels

# The state of the published online demo: it keeps these ten buffers.
ONLINE_DEMO_STATE = (
    (1, 3, 56, 56),
    (1, 4, 28, 28),
    (1, 4, 28, 28),
    (1, 8, 14, 14),
    (1, 8, 14, 14),
    (1, 8, 14, 14),
    (1, 12, 14, 14),
    (1, 12, 14, 14),
    (1, 20, 7, 7),
    (1, 20, 7, 7),
)


def test_state_is_that_of_the_online_demo():
    spec = make_spec(name="demo", architecture="mobilenetv2", labels=("a",), trained=True)
    assert spec.state.shapes == ONLINE_DEMO_STATE
    assert spec.state.size_floats == 27_048


def test_shift_sits_in_the_ten_residual_blocks():
    backbone = MobileNetV2(num_classes=2)
    blocks = (3, 5, 6, 8, 9, 10, 12, 13, 15, 16)
    assert backbone.shifted_convs == tuple(f"features.{i}.conv.0" for i in blocks)


def test_number_of_parameters_is_the_published_one():
    """3.4 million in the paper's table 4, 3,504,872 exactly."""
    backbone = build_backbone("mobilenetv2", num_classes=1000)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 3_504_872


def test_names_are_those_of_the_online_demo():
    state_dict = build_backbone("mobilenetv2", num_classes=27).state_dict()
    assert len(state_dict) == 314
    assert state_dict["features.0.0.weight"].shape == (32, 3, 3, 3)
    assert state_dict["features.1.conv.3.weight"].shape == (16, 32, 1, 1)
    assert state_dict["features.3.conv.0.weight"].shape == (144, 24, 1, 1)
    assert state_dict["features.17.conv.7.running_var"].shape == (320,)
    assert state_dict["features.18.0.weight"].shape == (1280, 320, 1, 1)
    assert state_dict["classifier.weight"].shape == (27, 1280)


@pytest.mark.parametrize("width_mult", [0.35, 0.5, 0.75, 1.0, 1.4])
def test_stage_channels_are_what_the_stages_put_out(width_mult):
    with torch.device("meta"):
        backbone = MobileNetV2(2, width_mult)
    put_out = tuple(backbone.get_parameter(f"{name}.weight").shape[0] for name in STAGE_ENDS)
    assert put_out == stage_channels(width_mult)


def test_widths_are_multiples_of_eight_and_first_layers_keep_theirs():
    assert stage_channels(0.5) == (16, 16, 16, 32, 48, 80, 160, 1280)
    assert stage_channels(1.4) == (16, 40, 48, 96, 136, 224, 448, 1792)
