"""Other colours, tones and sharpness than any camera has, one way a clip: what remains in common is shape and motion.

Made hands have made skin. A network that never sees the same tones twice cannot hold on to them; motion, which is what
gestures are, stays. Domain randomisation: Tobin et al., arXiv:1703.06907.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["randomise_photometry"]

_MIXED, _TONED, _GREY, _BLURRED, _SHADED = (
    0.5,
    0.5,
    0.12,
    0.3,
    0.4,
)  # chances, of a clip that is changed at all


@torch.no_grad()
def randomise_photometry(clips: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Clips with some of them changed, all frames of one alike.

    Args:
        clips: RGB, (N, T, 3, S, S), uint8.
        share: Chance of a clip to be changed, 0 to 1.
        generator: Of the random numbers, on the processor; it draws as many whatever is changed.
    """
    n = len(clips)
    chosen, unit = torch.rand(n, generator=generator) < share, torch.rand(n, 5, generator=generator)
    mixing, gamma = torch.randn(n, 3, 3, generator=generator), torch.randn(n, generator=generator)
    shade = torch.randn(n, 1, 1, 4, 4, generator=generator)
    rows = torch.nonzero(chosen)[:, 0]
    if not len(rows):
        return clips
    mixed, toned, grey, blurred, shaded = (
        unit[rows, column] < chance
        for column, chance in enumerate((_MIXED, _TONED, _GREY, _BLURRED, _SHADED))
    )
    device = clips.device
    frames = clips[rows.to(device)].float() / 255
    matrix = _colour_matrices(mixing[rows], mixed, grey).to(device)
    frames = torch.einsum("nij,ntjhw->ntihw", matrix, frames).clamp(0, 1)
    power = torch.where(toned, (0.4 * gamma[rows]).exp(), torch.ones(len(rows))).to(device)
    frames = frames.pow(power[:, None, None, None, None])
    size = frames.shape[-1]
    light = functional.interpolate(shade[rows].flatten(1, 2), size=size, mode="bilinear", align_corners=True)
    light = (1 + 0.25 * light * shaded[:, None, None, None]).clamp(0.3, 1.8).to(device)
    frames = frames * light[:, None]
    soft = torch.nonzero(blurred)[:, 0].to(device)
    if len(soft):
        frames = frames.index_copy(0, soft, _softened(frames[soft]))
    return clips.index_copy(0, rows.to(device), (frames.clamp(0, 1) * 255 + 0.5).to(torch.uint8))


def _colour_matrices(mixing: Tensor, mixed: Tensor, grey: Tensor) -> Tensor:
    """(N, 3, 3), rows sum to about 1, so that grey stays grey of another tint."""
    identity = torch.eye(3).expand(len(mixing), 3, 3)
    tint = 1 + 0.1 * mixing.diagonal(dim1=1, dim2=2)
    rows = identity + 0.3 * mixing
    rows = rows / rows.sum(2, keepdim=True).clamp(min=0.4) * tint[:, :, None]
    matrix = torch.where(mixed[:, None, None], rows, identity)
    luma = torch.tensor((0.299, 0.587, 0.114)).expand(len(mixing), 3, 3)
    return torch.where(grey[:, None, None], luma, matrix)


def _softened(frames: Tensor) -> Tensor:
    half = functional.avg_pool2d(frames.flatten(0, 1), 2)
    wide = functional.interpolate(half, size=frames.shape[-1], mode="bilinear", align_corners=False)
    return wide.view_as(frames)
