"""Smooth noise and the like, batched over clips."""

from torch import Tensor
from torch.nn import functional

from tsm_edge.export.data.gestures.random_numbers import ClipRandom

__all__ = ["blurred", "clip_noise", "fading", "halved", "inside"]

_FADED = 80.0  # beyond it exp takes thirty times as long, for what no sum with 1 can tell from nothing


def clip_noise(r: ClipRandom, cells: int, size: int, channels: int = 1) -> Tensor:
    """Noise of `cells` hills each way, (N, channels, size, size), about -1 to 1."""
    coarse = r.uniform(-1, 1, channels, cells, cells)
    return functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False)


def inside(distance: Tensor, softness: Tensor | float) -> Tensor:
    """1 well inside (distance below 0), 0 outside, a ramp of `softness` between."""
    return (0.5 - distance / softness).clamp(0, 1)


def fading(distance: Tensor) -> Tensor:
    """exp(-distance): 1 at 0, next to nothing far away; any shape."""
    return distance.clamp(max=_FADED).neg_().exp_()


def blurred(picture: Tensor, reach: int = 1) -> Tensor:
    """Mean over (2 * reach + 1) pixels each way; borders are continued. (..., C, H, W)."""
    side = 2 * reach + 1
    padded = functional.pad(picture, (reach,) * 4, mode="replicate")
    rows = sum(padded[..., i : i + picture.shape[-2], :] for i in range(side))
    assert isinstance(rows, Tensor)
    mean = sum(rows[..., i : i + picture.shape[-1]] for i in range(side))
    assert isinstance(mean, Tensor)
    return mean / (side * side)


def halved(picture: Tensor) -> Tensor:
    """Means of two by two pixels, (..., H / 2, W / 2): four sums, which processors do faster than pooling."""
    top, bottom = picture[..., ::2, :], picture[..., 1::2, :]
    rows = top + bottom
    return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)
