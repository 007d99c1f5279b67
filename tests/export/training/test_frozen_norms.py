"""Frozen norms: the answers of evaluation mode, and the gradients that pass through the norms themselves."""

from collections.abc import Callable

import pytest
import torch

from tsm_edge.export import build_model
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.training.frozen_norms import FrozenNorms

CLIPS = torch.rand(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(5))


@pytest.fixture(params=["mobilenetv2-0.5", "resnet18"])
def model(request) -> ClipModel:
    return build_model(request.param, num_classes=4, image_size=32, seed=2)


def gradients(
    model: ClipModel, network: Callable[[torch.Tensor], torch.Tensor], clips: torch.Tensor = CLIPS
) -> dict[str, torch.Tensor]:
    model.zero_grad()
    torch.nn.functional.cross_entropy(
        network(clips.to(model.backbone.classifier.weight.dtype)).mean(1), torch.tensor([0, 3])
    ).backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("mode", ["online", "offline", "none"])
def test_answers_are_those_of_evaluation_mode(model, mode):
    view = model.with_mode(mode)
    expected = view(CLIPS)
    torch.testing.assert_close(
        FrozenNorms(view)(CLIPS), expected, rtol=0, atol=1e-5 * float(expected.detach().abs().max())
    )


def test_gradients_are_those_of_evaluation_mode(model):
    model.double()  # in float32 rounding moves values across the kinks of ReLU6
    expected, found = gradients(model, model), gradients(model, FrozenNorms(model))
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-9)


def test_it_follows_the_weights_and_owns_none(model):
    frozen = FrozenNorms(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.1)
    expected = model(CLIPS)
    torch.testing.assert_close(
        frozen(CLIPS), expected, rtol=0, atol=1e-5 * float(expected.detach().abs().max())
    )
    assert not any(weight.requires_grad for weight in frozen.parameters())


def test_statistics_stay(model):
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train()
    gradients(model, FrozenNorms(model))
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def test_in_sixteen_bits_gradients_are_as_near_as_those_of_the_model_itself(model):
    """Rounding moves values across the kinks of ReLU6, with norms of their own as without.

    Which values, chance decides: of one batch the errors' ratio lies between 0.7 and 1.4, so three are taken together.
    """

    def in_bfloat16(network: torch.nn.Module):
        def run(clips: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(clips)
            assert logits.dtype == torch.bfloat16
            return logits.float()

        return run

    ours, theirs = [], []
    for seed in range(5, 8):
        clips = torch.rand(CLIPS.shape, generator=torch.Generator().manual_seed(seed))
        expected = flat(gradients(model, model, clips))
        ours.append(flat(gradients(model, in_bfloat16(FrozenNorms(model)), clips)) - expected)
        theirs.append(flat(gradients(model, in_bfloat16(model), clips)) - expected)
    assert 0 < float(torch.cat(ours).norm()) < 1.3 * float(torch.cat(theirs).norm())


def flat(gradients: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients.values()])


def test_no_activation_is_kept_twice():
    """Of each clamp the model keeps the convolution's output, the norm's and its own; one of them is enough."""
    model = build_model("mobilenetv2-0.5", num_classes=4, image_size=32, seed=2)
    kept: set[int] = set()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim == 4 and len(tensor) == CLIPS.shape[0] * CLIPS.shape[1]:
            kept.add(tensor.data_ptr())
        return tensor

    def num_kept(network: torch.nn.Module) -> int:
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            answers = network(CLIPS)
        assert answers.requires_grad
        return len(kept)

    num_clamps = sum(isinstance(module, torch.nn.ReLU6) for module in model.modules())
    assert num_kept(model) - num_kept(FrozenNorms(model)) >= 2 * num_clamps
