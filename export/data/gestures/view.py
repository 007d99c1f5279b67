"""What part of a camera's frame becomes the square picture.

Places in a frame are in frame heights: x from the frame's middle to the right, y from its top down.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.world import World

__all__ = ["View", "choose_views"]


@dataclass(frozen=True)
class View:
    """Windows of N clips, each (N,).

    Attributes:
        aspect: Width of the camera's frame over its height.
        left: Of the window.
        top: Of the window.
        width: Of the window; it becomes the square, squeezed if it is not one.
        height: Of the window.
    """

    aspect: Tensor
    left: Tensor
    top: Tensor
    width: Tensor
    height: Tensor

    def grid(self, size: int, margin: float = 0.0) -> tuple[Tensor, Tensor]:
        """Centres of size x size pixels as x and y, each (N, size, size), over the window and `margin` around."""
        steps = (torch.arange(size, device=self.left.device) + 0.5) / size * (1 + 2 * margin) - margin
        x = self.left[:, None] + self.width[:, None] * steps
        y = self.top[:, None] + self.height[:, None] * steps
        return x[:, None].expand(-1, size, size), y[:, :, None].expand(-1, size, size)

    def to_unit(self, place: Tensor) -> Tensor:
        """Places (N, ..., 2) in the picture: 0 to 1 from left to right and from top to bottom."""
        shape = (-1, *[1] * (place.ndim - 2))
        x = (place[..., 0] - self.left.view(shape)) / self.width.view(shape)
        y = (place[..., 1] - self.top.view(shape)) / self.height.view(shape)
        return torch.stack((x, y), dim=-1)


def choose_views(r: ClipRandom, world: World) -> View:
    """A window for every clip."""
    aspects = torch.tensor(world.aspects, device=r.device)
    aspect = aspects[r.pick([1.0] * len(aspects))]
    whole = r.chance(world.whole_frame)
    size = r.uniform(*world.crop)
    left = -size / 2 + r.normal(0.06)
    top = r.unit() * (1 - size)
    # Nobody's crop is exact to the pixel.
    trim = r.uniform(0.94, 1.0)
    wide, high = aspect * trim, r.uniform(0.95, 1.0)
    return View(
        aspect=aspect,
        left=torch.where(whole, -wide / 2, left),
        top=torch.where(whole, (1 - high) / 2, top),
        width=torch.where(whole, wide, size),
        height=torch.where(whole, high, size),
    )
