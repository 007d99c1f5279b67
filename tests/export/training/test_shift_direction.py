"""Exchanged channels: nothing changes for single frames, and the past is where the offline shift has it."""

import copy

import pytest
import torch

from tsm_edge.export import build_model
from tsm_edge.export.models.temporal_shift import shift_offline
from tsm_edge.export.training.shift_direction import exchange_shifted_channels

CLIPS = torch.rand(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def pair():
    model = build_model("mobilenetv2", num_classes=5, image_size=64, seed=3)
    exchanged = copy.deepcopy(model)
    exchange_shifted_channels(exchanged.backbone)
    return model.double(), exchanged.double()


def past_alone(x: torch.Tensor) -> torch.Tensor:
    """The offline shift, but for the eighth that comes from the next frame."""
    clips = torch.unflatten(x, 0, (-1, CLIPS.shape[1]))
    fold = clips.shape[2] // 8
    shifted = shift_offline(clips, 8)
    return torch.cat((clips[:, :, :fold], shifted[:, :, fold:]), dim=2).flatten(0, 1)


@torch.inference_mode()
def test_single_frames_are_answered_as_before(pair):
    model, exchanged = pair
    torch.testing.assert_close(
        exchanged.with_mode("none")(CLIPS.double()),
        model.with_mode("none")(CLIPS.double()),
        rtol=1e-9,
        atol=1e-9,
    )
    changed = [
        name
        for name, tensor in exchanged.backbone.state_dict().items()
        if not torch.equal(tensor, model.backbone.state_dict()[name])
    ]
    assert {"features.2.conv.6.weight", "features.3.conv.0.weight", "features.4.conv.0.weight"} <= set(
        changed
    )


@torch.inference_mode()
def test_the_past_is_read_where_the_offline_shift_has_it(pair):
    model, exchanged = pair
    expected = model.with_mode("online")(CLIPS.double())
    found = exchanged.backbone(CLIPS.double().flatten(0, 1), past_alone)
    torch.testing.assert_close(found.view_as(expected), expected, rtol=1e-9, atol=1e-9)
    # Unexchanged, the same shift is another network.
    other = model.backbone(CLIPS.double().flatten(0, 1), past_alone)
    assert float((other.view_as(expected) - expected).abs().max()) > 1e-3 * float(expected.abs().max())
