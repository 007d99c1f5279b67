"""The made clips of every step, which follow from its number alone."""

import itertools
from typing import TYPE_CHECKING, Any

import torch

from tsm_edge.export.data.gestures import GestureBatch, GestureGenerator
from tsm_edge.export.data.gestures.pictures import Pictures

if TYPE_CHECKING:
    from tsm_edge.export.training.gestures.recipe import Plan

__all__ = ["ClipSupply"]

_CLIPS_AT_ONCE = 1024  # on a GPU: starting kernels takes longer than they do
_STREAM_CLIPS = 10**9  # number of the first clip of 16 frames: no other step sees these


class ClipSupply:
    """Makes what a plan's steps learn from.

    Args:
        plan: Batch size, seed, size, and the shares of streams and of coarse clips.
        device: Where clips are made.
        pictures: Packaged photographs and videos, where another machine found them.
        world: What kind of rooms, people and cameras.
    """

    def __init__(self, plan: "Plan", device: torch.device, pictures: Pictures | None, world: str) -> None:
        self._plan = plan
        self._steps_at_once = max(1, _CLIPS_AT_ONCE // plan.batch_size) if device.type == "cuda" else 1
        self._made: GestureBatch | None = None
        self._block = -1
        self._generators: dict[tuple[bool, bool], GestureGenerator] = {}
        coarse = (False, True) if plan.coarse_share > 0 else (False,)
        for is_stream, is_coarse in itertools.product((False, True), coarse):
            frames: dict[str, Any] = {"num_frames": 16, "fps": (6, 15)} if is_stream else {"num_frames": 8}
            size = plan.size // 2 if is_coarse else plan.size
            self._generators[is_stream, is_coarse] = GestureGenerator(
                world, seed=plan.seed, size=size, device=device, pictures=pictures, **frames
            )

    def batch(self, step: int) -> GestureBatch:
        """The clips of a step; a GPU makes those of several steps at once."""
        block, place = divmod(step, self._steps_at_once)
        if self._made is None or self._block != block:
            self._made, self._block = self._make(block), block
        size = len(self._made.labels) // self._steps_at_once
        return self._made.rows(place * size, (place + 1) * size)

    def _make(self, block: int) -> GestureBatch:
        plan = self._plan
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + block)
        is_stream = float(torch.rand((), generator=generator)) < plan.stream_share
        is_coarse = float(torch.rand((), generator=generator)) < plan.coarse_share
        made = self._generators[is_stream, is_coarse]
        count = plan.batch_size * self._steps_at_once
        if is_stream:
            half = max(1, plan.batch_size // 2) * self._steps_at_once
            return made.clips(_STREAM_CLIPS + block * count, half)
        return made.clips(block * count, count)
