import torch
from torch import nn

from tsm_edge.export import ClipModel
from tsm_edge.export.data.loading import normalised
from tsm_edge.export.training.head_training import clip_features, fit_classifier


def test_features_are_what_the_classifier_sees(tiny: ClipModel):
    clips = torch.randint(0, 256, (3, 5, 32, 32, 3), dtype=torch.uint8)
    features = clip_features(tiny, clips)
    assert features.shape == (3, 8)
    with torch.inference_mode():
        expected = tiny(normalised(clips, tiny.spec.preprocess)).mean(1)
        # A mean over frames before the last layer is the mean after it, in another order of summation.
        torch.testing.assert_close(tiny.backbone.classifier(features), expected, rtol=0, atol=1e-4)
    assert not tiny.backbone.classifier._forward_pre_hooks


def test_fit_finds_the_minimum_whatever_the_features_scale():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    centres = 10 * torch.randn(3, 6, generator=generator)
    features = centres[labels] + torch.randn(60, 6, generator=generator)
    features[:, 0] *= 1000
    features[:, 1] = 7.0
    first, second = nn.Linear(6, 3), nn.Linear(6, 3)
    assert float(fit_classifier(first, features, labels)) < 0.05
    fit_classifier(second, features, labels)
    assert (first(features).argmax(1) == labels).all()
    # One minimum: what the layer held before does not matter.
    assert torch.equal(first.weight, second.weight)
