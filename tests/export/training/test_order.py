"""What the shift is for: a network with it learns the order of frames, the same one without it cannot."""

import numpy as np
import pytest
import torch
from moving_shapes import moving_shape
from torch import nn

from tsm_edge.export import ClipModel, TrainingOptions
from tsm_edge.export.data.loading import normalised
from tsm_edge.export.models.backbone import Backbone, conv_bn
from tsm_edge.export.training.initial_weights import randomize
from tsm_edge.export.training.learner import Learner
from tsm_edge.export.training.processes import Process
from tsm_edge.specs import ModelSpec, PreprocessSpec, StateSpec

LABELS = ("left", "right")
STEPS, BATCH, FRAMES = 80, 24, 6


SPEC = ModelSpec(
    name="order",
    architecture="order",
    num_classes=2,
    labels=LABELS,
    trained=False,
    state=StateSpec(shapes=((1, 4, 8, 8),) * 2),
    preprocess=PreprocessSpec(resize_short_side=36, crop_size=32),
)


class OrderBackbone(Backbone):
    """A stem and two residual convolutions, both shifted."""

    first_conv = "stem"

    def __init__(self):
        super().__init__()
        self.stem, self.stem_norm = conv_bn(3, 32, 5, stride=4)
        self.first, self.first_norm = conv_bn(32, 32, 3)
        self.second, self.second_norm = conv_bn(32, 32, 3)
        self.classifier = nn.Linear(32, len(LABELS))

    def forward(self, frames, shift):
        x = torch.relu(self.stem_norm(self.stem(frames)))
        x = x + torch.relu(self.first_norm(self.first(shift(x))))
        x = x + torch.relu(self.second_norm(self.second(shift(x))))
        return self.classifier(x.mean((2, 3)))


class Unshifted(ClipModel):
    """The same layers and weights over single frames."""

    def forward(self, clips):
        logits = self.backbone(clips.flatten(0, 1), lambda x: x)
        return logits.unflatten(0, clips.shape[:2])


def learned(kind, mode):
    backbone = OrderBackbone()
    randomize(backbone, torch.Generator().manual_seed(0))
    model = kind(backbone, SPEC, mode)
    settings = {"dropout": 0, "ema_decay": 0.9, "label_smoothing": 0}
    options = TrainingOptions(epochs=1, lr=3e-3, **settings)
    learner = Learner(model, options, Process(device=torch.device("cpu")), STEPS)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        labels = rng.integers(0, 2, BATCH)
        clips = np.stack([moving_shape(LABELS[label], rng, FRAMES, 32) for label in labels])
        learner.step(torch.from_numpy(clips), torch.from_numpy(labels))
    backbone.load_state_dict(learner.average.tensors)
    return model.eval()


def scores(model, clips):
    with torch.inference_mode():
        return model(normalised(torch.from_numpy(clips), model.spec.preprocess)).mean(1)


@pytest.fixture(scope="module")
def unseen():
    """Clips that move left. Backwards they move right, with the very same frames."""
    rng = np.random.default_rng(9)
    return np.stack([moving_shape("left", rng, FRAMES, 32) for _ in range(100)])


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_with_the_shift_order_is_learned(unseen, mode):
    model = learned(ClipModel, mode)
    left, right = scores(model, unseen), scores(model, unseen[:, ::-1].copy())
    right_answers = int((left.argmax(1) == 0).sum() + (right.argmax(1) == 1).sum())
    assert right_answers >= 194  # 97 % of 200


def test_without_the_shift_it_stays_at_chance(unseen):
    model = learned(Unshifted, "online")
    left, right = scores(model, unseen), scores(model, unseen[:, ::-1].copy())
    # A mean over frames knows no order: whatever it answers to a clip, it answers to the clip backwards.
    torch.testing.assert_close(left, right, rtol=0, atol=1e-5)
    assert int((left.argmax(1) == 0).sum() + (right.argmax(1) == 1).sum()) == pytest.approx(100, abs=1)
