import pytest
import torch
from torch import nn

from tsm_edge.export import ClipModel
from tsm_edge.export.data.loading import normalised
from tsm_edge.export.training import head_training
from tsm_edge.export.training.head_training import _fitted_scale, clip_features, fit_classifier


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


def test_more_features_than_clips_give_a_classifier_that_holds_for_others(monkeypatch):
    """One clip in seven shows another gesture than it says; 200 features can learn even that by heart."""
    generator = torch.Generator().manual_seed(1)
    centres = torch.randn(4, 200, generator=generator)

    def drawn(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.arange(count) % 4
        return centres[labels] + 4 * torch.randn(count, 200, generator=generator), labels

    features, labels = drawn(96)
    others, truth = drawn(800)
    labels[::7] = (labels[::7] + 1) % 4
    classifier = nn.Linear(200, 4)

    def fitted_right() -> tuple[float, float]:
        fit_classifier(classifier, features, labels, label_smoothing=0.1)
        with torch.inference_mode():
            probabilities = classifier(others).softmax(1)
        return float((probabilities.argmax(1) == truth).float().mean()), float(probabilities.amax(1).mean())

    right, sure = fitted_right()
    assert right > 0.85 and 0.6 < sure < right  # a seventh of what it learned from contradicts
    monkeypatch.setattr(head_training, "PRIOR", 0.01)
    assert fitted_right()[0] < right - 0.1


@pytest.mark.parametrize("factor", [0.2, 1.0, 5.0])
def test_how_sure_it_is_does_not_depend_on_the_logits_scale(factor):
    generator = torch.Generator().manual_seed(2)
    labels = torch.arange(90) % 3
    logits = 2 * torch.nn.functional.one_hot(labels) + torch.randn(90, 3, generator=generator)
    found = _fitted_scale(logits * factor, labels, 0.1) * factor
    assert float(found) == pytest.approx(float(_fitted_scale(logits, labels, 0.1)), rel=1e-3)
