import copy

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
def test_logits_tell_frames_apart_and_feel_every_buffer(name, assert_close):
    model = build_model(name, image_size=64)
    frames = random_clip(4, 64, torch.Generator().manual_seed(2))
    logits, before, streaming = streamed(model, frames)
    largest = logits.abs().max()
    assert 1 < largest < 30
    assert (logits - logits.mean(0)).abs().max() > 0.3 * largest
    for i, buffer in enumerate(before):
        changed = [*before[:i], torch.zeros_like(buffer), *before[i + 1 :]]
        with torch.inference_mode():
            assert (streaming(frames[-1:], *changed)[0] - logits[-1]).abs().max() > 0.01 * largest
    with torch.inference_mode():
        exact = copy.deepcopy(model).double()(frames[None].double())[0]
    assert_close(logits, exact)


def streamed(model, frames):
    """Logits (T, num_classes), the state before the last frame, and the view that gave them."""
    streaming, logits = model.streaming(), []
    state = streaming.initial_state()
    with torch.inference_mode():
        for frame in frames:
            before = state
            answer, *state = streaming(frame[None], *state)
            logits.append(answer[0])
    return torch.stack(logits), before, streaming


def test_random_clip_has_about_unit_variance():
    clip = random_clip(16, 64, torch.Generator().manual_seed(0))
    assert clip.shape == (16, 3, 64, 64)
    assert 0.5 < clip.std() < 1.5
