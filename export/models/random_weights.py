"""Seeded random weights under which every activation, and the logits, have a sensible size.

Left alone, a deep network with random weights answers every frame alike, to many digits: no test could see a
lost shift buffer. So batch norms are given the statistics of a few random pictures, and the classifier
answers these with logits that differ by about 1 from frame to frame.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsm_edge.export.models.backbone import Backbone
from tsm_edge.export.models.temporal_shift import Shift, clip_shift

__all__ = ["random_clip", "set_random_weights"]

# Few and small pictures: the statistics need not be good, only the same every time.
CALIBRATION_FRAMES = 8
CALIBRATION_SIZE = 96

# At full strength 101 random layers are chaotic: rounding moves their logits by 9e-5 of the largest one, like this
# by 2e-6.
RESIDUAL_SCALE = 0.2


def set_random_weights(backbone: Backbone, *, seed: int = 0, shift_div: int = 8) -> None:
    """Fill a backbone with weights that the seed alone determines; it is left in evaluation mode.

    Convolutions as He et al., arXiv:1502.01852 (fan out); scales, offsets and biases are random too, so that
    losing one changes the logits.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in backbone.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.7, 1.3, generator=generator)
                module.bias.normal_(0.0, 0.2, generator=generator)
        for name in backbone.residual_norms:
            backbone.get_parameter(f"{name}.weight").mul_(RESIDUAL_SCALE)
        clip = random_clip(CALIBRATION_FRAMES, CALIBRATION_SIZE, generator)
        _calibrate(backbone, clip, shift_div, generator)


def random_clip(num_segments: int, image_size: int, generator: torch.Generator) -> Tensor:
    """Frames (num_segments, 3, image_size, image_size), variance about 1: blurred blobs with noise over them.

    White noise alone has no large structures, and networks see little else in pictures.
    """
    coarse = torch.randn(num_segments, 3, 6, 6, generator=generator)
    blobs = functional.interpolate(coarse, size=image_size, mode="bilinear", align_corners=False)
    return blobs + 0.3 * torch.randn(blobs.shape, generator=generator)


def _calibrate(backbone: Backbone, clip: Tensor, shift_div: int, generator: torch.Generator) -> None:
    shift = clip_shift("online", len(clip), shift_div)
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # running statistics become those of this one batch
    backbone.train()(clip, shift)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    _scale_logits(backbone.eval(), clip, shift, generator)


def _scale_logits(backbone: Backbone, clip: Tensor, shift: Shift, generator: torch.Generator) -> None:
    classifier = backbone.classifier
    classifier.weight.normal_(generator=generator)
    classifier.bias.normal_(generator=generator)
    logits: Tensor = backbone(clip, shift)
    classifier.weight.div_((logits - logits.mean(0)).std())
