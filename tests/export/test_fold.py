import copy

import pytest
import torch
from torch import nn

from tsm_edge.export import ClipModel
from tsm_edge.export.fold import fold_batch_norm, inference_copy


@pytest.fixture(params=["mobilenet", "resnet"])
def model(request):
    return request.getfixturevalue(request.param)


def test_folded_network_answers_alike(model, clip, assert_close):
    folded = ClipModel(fold_batch_norm(model.backbone), model.spec)
    with torch.inference_mode():
        assert_close(folded(clip[None, :6]), model(clip[None, :6]))


def test_no_batch_norm_is_left_and_every_convolution_has_a_bias(model):
    folded = fold_batch_norm(model.backbone)
    assert not [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(module.bias is not None for module in folded.modules() if isinstance(module, nn.Conv2d))


def test_names_stay(model):
    original, folded = model.backbone.state_dict(), fold_batch_norm(model.backbone).state_dict()
    convolutions = {name for name, tensor in original.items() if tensor.dim() == 4}
    biases = {name.replace(".weight", ".bias") for name in convolutions}
    assert folded.keys() == convolutions | biases | {"classifier.weight", "classifier.bias"}


def test_the_given_network_is_left_alone(model):
    before = copy.deepcopy(model.backbone.state_dict())
    fold_batch_norm(model.backbone)
    assert before.keys() == model.backbone.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.backbone.state_dict().items())


def test_products_are_rounded_once(mobilenet):
    """Equal to the last bit to float64 arithmetic rounded at its end."""
    conv, norm = mobilenet.backbone.features[0][0], mobilenet.backbone.features[0][1]
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() - norm.running_mean.double() * scale
    folded = fold_batch_norm(mobilenet.backbone).features[0][0]
    torch.testing.assert_close(
        folded.weight, (conv.weight.double() * scale[:, None, None, None]).float(), rtol=1.2e-7, atol=0
    )
    torch.testing.assert_close(folded.bias, bias.float(), rtol=1.2e-7, atol=1e-9)


def test_copy_for_inference_answers_alike_and_leaves_the_model(model, clip, assert_close):
    before = {name: tensor.clone() for name, tensor in model.backbone.state_dict().items()}
    offline = model.with_mode("offline")
    with torch.inference_mode():
        assert_close(inference_copy(offline)(clip[None, :6]), offline(clip[None, :6]))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.backbone.state_dict().items())
