import pytest
import torch

from tsm_edge.export import MODELS, build_model
from tsm_edge.export.models.random_weights import random_clip


def test_the_seed_alone_determines_the_weights(mobilenet):
    torch.manual_seed(99)
    expected = mobilenet.backbone.state_dict()
    found = build_model("mobilenetv2-0.5", image_size=32).backbone.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_another_seed_gives_other_weights(mobilenet):
    other = build_model("mobilenetv2-0.5", image_size=32, seed=1)
    assert not torch.equal(other.backbone.classifier.weight, mobilenet.backbone.classifier.weight)


def test_building_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    build_model("mobilenetv2-0.5", image_size=32)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_of_sensible_size_and_feel_every_buffer(name):
    model = build_model(name, image_size=64)
    streaming = model.streaming()
    frames = random_clip(4, 64, torch.Generator().manual_seed(2))
    state = streaming.initial_state()
    with torch.inference_mode():
        for frame in frames:
            before = state
            logits, *state = streaming(frame[None], *state)
        assert 1 < logits.abs().max() < 30
        for i, buffer in enumerate(before):
            changed = [*before[:i], torch.zeros_like(buffer), *before[i + 1 :]]
            difference = (streaming(frames[-1:], *changed)[0] - logits).abs().max()
            assert difference > 0.01 * logits.abs().max()


def test_random_clip_has_about_unit_variance():
    clip = random_clip(16, 64, torch.Generator().manual_seed(0))
    assert clip.shape == (16, 3, 64, 64)
    assert 0.5 < clip.std() < 1.5
