"""Few clips: the backbone stays as it is and runs once for each view of a clip; the classifier is fitted in seconds.

    minimise  mean cross-entropy(W x + b, label) + l2 / 2 |W|^2       x: features, standardised

by L-BFGS, which finds the one minimum; then the standardisation is folded into W and b. A clip's features are the mean
over its frames, whose logits are then the mean of the frames' logits, as the network scores a clip.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsm_edge.export.data.loading import normalised
from tsm_edge.export.models.clip_model import ClipModel

__all__ = ["clip_features", "fit_classifier"]

L2 = 1e-3
MAX_ITERATIONS = 200
# Features that hardly vary would otherwise be blown up to noise.
LEAST_STD = 1e-3


@torch.inference_mode()
def clip_features(model: ClipModel, clips: Tensor) -> Tensor:
    """Mean over T of the features in front of the classifier, (N, D) float32, of clips (N, T, S, S, 3) uint8."""
    model.eval()
    seen: list[Tensor] = []
    handle = model.backbone.classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        device = model.backbone.classifier.weight.device
        model(normalised(clips.to(device), model.spec.preprocess))
    finally:
        handle.remove()
    features = torch.unflatten(seen[0], 0, clips.shape[:2])  # (N*T, D) -> (N, T, D)
    return features.mean(1).cpu()


def fit_classifier(
    classifier: nn.Linear, features: Tensor, labels: Tensor, *, label_smoothing: float = 0.0
) -> Tensor:
    """Set the classifier's weights; returns the mean loss, a scalar.

    Args:
        classifier: Changed in place.
        features: (N, D) float32.
        labels: (N,) int64.
        label_smoothing: As in cross-entropy.
    """
    mean, std = features.mean(0), features.std(0, correction=0).clamp_min(LEAST_STD)
    x = (features - mean) / std
    weight = torch.zeros(classifier.weight.shape, requires_grad=True)
    bias = torch.zeros(classifier.bias.shape, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=MAX_ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(x @ weight.T + bias, labels, label_smoothing=label_smoothing)
        value = value + L2 / 2 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        classifier.weight.copy_(weight / std)
        classifier.bias.copy_(bias - (weight / std) @ mean)
        return functional.cross_entropy(
            functional.linear(features, classifier.weight.cpu(), classifier.bias.cpu()), labels
        )
