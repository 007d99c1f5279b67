"""A network of five layers that has a bit of all: stem, plain and shifted blocks, two strides, odd shifts."""

import torch
from torch import Tensor, nn

from tsm_edge.export import ClipModel
from tsm_edge.export.models.backbone import Backbone, conv_bn
from tsm_edge.export.models.mobilenet_v2 import InvertedResidual
from tsm_edge.export.models.random_weights import set_random_weights
from tsm_edge.export.models.temporal_shift import Shift
from tsm_edge.specs import ModelSpec, PreprocessSpec, StateSpec

__all__ = ["small_network"]

LABELS = ("nothing", "swipe", "push", "turn", "stop")


class SmallBackbone(Backbone):
    """Frames of 32 pixels in, five logits out; `groups` above 1 makes a layer that no kernel rule schedules."""

    first_conv = "stem"
    shifted_convs = ("blocks.0.conv.0", "blocks.2.conv.0", "plain")
    residual_norms = ("blocks.0.conv.7", "blocks.2.conv.7")

    def __init__(self, groups: int = 1) -> None:
        super().__init__()
        self.stem, self.stem_norm = conv_bn(3, 16, 3, stride=2)
        shapes = ((16, 16, 1, 6), (16, 24, 2, 6), (24, 24, 1, 6))
        self.blocks = nn.Sequential(*(InvertedResidual(*shape) for shape in shapes))
        self.grouped, self.grouped_norm = conv_bn(24, 24, 3, groups=groups)
        self.plain, self.plain_norm = conv_bn(24, 40, 3, stride=2)
        self.classifier = nn.Linear(40, len(LABELS))

    def forward(self, frames: Tensor, shift: Shift) -> Tensor:
        x = nn.functional.relu6(self.stem_norm(self.stem(frames)))
        for block in self.blocks:
            x = block(x, shift)
        x = torch.relu(self.grouped_norm(self.grouped(x)))
        x = torch.relu(self.plain_norm(self.plain(shift(x))))
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


def small_network(groups: int = 1) -> ClipModel:
    """The network with seeded random weights."""
    spec = ModelSpec(
        name="small",
        architecture="small",
        num_classes=len(LABELS),
        labels=LABELS,
        trained=False,
        state=StateSpec(shapes=((1, 2, 16, 16), (1, 3, 8, 8), (1, 3, 8, 8))),
        preprocess=PreprocessSpec(resize_short_side=36, crop_size=32),
    )
    backbone = SmallBackbone(groups)
    set_random_weights(backbone)
    return ClipModel(backbone, spec).eval()
