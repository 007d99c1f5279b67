"""The made clips of every step, which follow from its number alone."""

import itertools
import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tsm_edge.export.data.gestures import GESTURE_LABELS, OTHER, GestureBatch, GestureGenerator
from tsm_edge.export.data.gestures.footage import Footage
from tsm_edge.export.data.gestures.pictures import Pictures
from tsm_edge.export.training.gestures.photometry import randomise_photometry
from tsm_edge.export.training.gestures.plan import Plan

__all__ = ["ClipSupply", "coarse_size", "gesture_chances", "made_too_often"]

_LARGE = (
    128  # pixels: larger frames are drawn smaller anyhow and enlarged, as most recordings of gestures are
)
_COARSE = 112
_OTHERS = 3.0  # at 1 a model knew 57 % of them; at 5 it took so many gestures for them that 39 % of these answers held
# What one memory reads of a stream, see streaming.py: 3 of a camera that takes 6, 5 to 7.5 of faster ones.
_STREAM_FPS = (2.8, 8.0)
_PHOTOMETRY_SEED = 1 << 40  # apart from what labels are drawn with
_STREAM_CLIPS = 10**9  # number of the first clip of 16 frames: no other step sees these

_Kind = tuple[bool, bool]  # a stream's frames; made coarse and enlarged


class ClipSupply:
    """Makes what a plan's steps learn from.

    Args:
        plan: Batch size, seed, size, and the shares of streams and of coarse clips.
        device: Where clips are made.
        pictures: Packaged photographs and videos, where another machine found them.
        world: What kind of rooms, people and cameras.
        classes: The class of every gesture, (16,), as `gesture_classes` gives it. See `gesture_chances`.
        footage: Videos in which nobody makes a gesture, behind some of the hands.
    """

    def __init__(
        self,
        plan: Plan,
        device: torch.device,
        pictures: Pictures | None,
        world: str,
        classes: Tensor,
        footage: Footage | None = None,
    ) -> None:
        self._plan = plan
        self._chances = gesture_chances(classes.cpu())
        self._generators: dict[_Kind, GestureGenerator] = {}
        coarse = (False, True) if plan.coarse_share > 0 else (False,)
        for is_stream, is_coarse in itertools.product((False, True), coarse):
            frames: dict[str, Any] = (
                {"num_frames": 16, "fps": _STREAM_FPS} if is_stream else {"num_frames": 8}
            )
            size = coarse_size(plan.size) if is_coarse else plan.size
            self._generators[is_stream, is_coarse] = GestureGenerator(
                world, seed=plan.seed, size=size, device=device, pictures=pictures,
                footage=footage, **frames,
            )  # fmt: skip
        at_once = max(generator.chunk for generator in self._generators.values())
        self._steps_at_once = max(1, at_once // plan.batch_size)
        self._block, self._made = -1, list[GestureBatch]()

    def batch(self, step: int) -> GestureBatch:
        """The clips of a step; those of several steps are made at once where a GPU would idle otherwise."""
        block, place = divmod(step, self._steps_at_once)
        if self._block != block:
            self._made = self._make(range(block * self._steps_at_once, (block + 1) * self._steps_at_once))
            self._block = block
        made = self._made[place]
        if not self._plan.photometry:
            return made
        generator = torch.Generator().manual_seed(_PHOTOMETRY_SEED + self._plan.seed * 1_000_003 + step)
        return replace(made, clips=randomise_photometry(made.clips, self._plan.photometry, generator))

    def _make(self, steps: range) -> list[GestureBatch]:
        wanted = [self._wanted(step) for step in steps]
        made: dict[int, GestureBatch] = {}
        for kind, generator in self._generators.items():
            places = [place for place, (of, _, _) in enumerate(wanted) if of == kind]
            if not places:
                continue
            numbers = torch.cat([wanted[place][1] for place in places])
            labels = torch.cat([wanted[place][2] for place in places])
            clips = generator.numbered(numbers, labels)
            size = len(numbers) // len(places)  # all steps of a kind have as many clips
            made |= {place: clips.rows(i * size, (i + 1) * size) for i, place in enumerate(places)}
        return [made[place] for place in range(len(steps))]

    def _wanted(self, step: int) -> tuple[_Kind, Tensor, Tensor]:
        """Which generator makes a step's clips, their numbers and labels, (N,)."""
        plan = self._plan
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
        is_stream = float(torch.rand((), generator=generator)) < plan.stream_share
        is_coarse = float(torch.rand((), generator=generator)) < plan.coarse_share
        count = max(1, plan.batch_size // 2) if is_stream else plan.batch_size
        first = step * plan.batch_size + (_STREAM_CLIPS if is_stream else 0)
        numbers = torch.arange(first, first + count)
        return (is_stream, is_coarse), numbers, self._labels(count, generator)

    def _labels(self, count: int, generator: torch.Generator) -> Tensor:
        """What the clips show, (count,), indices into GESTURE_LABELS."""
        return torch.multinomial(self._chances, count, replacement=True, generator=generator)


def coarse_size(size: int) -> int:
    """Pixels of the frames that are made small and enlarged to `size`."""
    return _COARSE if size > _LARGE else size // 2


def gesture_chances(classes: Tensor) -> Tensor:
    """How often each gesture is made, (16,), where `classes` holds theirs: every class alike often.

    "Doing other things" is made as often as three of them, for streams show little else. Half of that is itself, the
    rest are the gestures that have no class.
    """
    other = GESTURE_LABELS.index(OTHER)
    folded = classes == classes[other]
    chances = torch.ones(len(classes))
    chances[folded] = _OTHERS / 2 / max(1, int(folded.sum()) - 1)
    chances[other] = _OTHERS / 2 if folded.sum() > 1 else _OTHERS
    return chances / chances.sum()


def made_too_often(classes: Tensor, num_classes: int) -> Tensor:
    """What the loss adds to logits, (num_classes,), so that the network is not told how often classes are made.

    Of the clips of "Doing other things", which are made three times as often as a gesture, half are gestures that have
    no class: a clip that may as well be another thing as a gesture is the gesture as often.

    Source: logit adjustment, Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
    """
    prior = torch.zeros(num_classes, device=classes.device)
    prior[classes[GESTURE_LABELS.index(OTHER)]] = math.log(2)
    return prior
