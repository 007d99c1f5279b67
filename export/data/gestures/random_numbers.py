"""Random numbers that a clip's seed and index alone determine, however clips are batched and on whatever device.

A hash of (seed, clip, counter) gives each clip a row of its own; draws take consecutive columns. Integer arithmetic is
exact everywhere, so a GPU draws what a CPU draws.

Source: the finaliser of SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
"""

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["ClipRandom"]

_COLUMNS = 1536  # drawn at once: few large operations instead of many small ones

# The 64-bit constants as signed integers, since torch's shifts and products know no unsigned ones.
_GOLDEN = -7046029254386353131
_MIX = ((30, -4658895280553007687), (27, -7723592293110705685), (31, 1))


def _hash(x: Tensor) -> Tensor:
    for shift, factor in _MIX:
        x = (x ^ ((x >> shift) & ((1 << (64 - shift)) - 1))) * factor
    return x


class ClipRandom:
    """One row of random numbers a clip.

    Args:
        seed: Any integer.
        clips: Indices of the clips, (N,), int64.
        stream: Numbers for another purpose under the same seed.
    """

    def __init__(self, seed: int, clips: Tensor, stream: int = 0) -> None:
        start = torch.full_like(clips, (seed * 1_000_003 + stream * 7919) % (1 << 62))
        self._key = _hash(_hash(start * _GOLDEN) + (clips + 1) * _GOLDEN)
        self._drawn = 0
        self._table = self._block(0)
        self._normals = _normal(self._table)

    def __len__(self) -> int:
        return len(self._key)

    @property
    def device(self) -> torch.device:
        """Where the numbers lie."""
        return self._key.device

    def rows(self, chosen: Tensor) -> "ClipRandom":
        """The numbers of some clips, from where this object stands on; `chosen` are row numbers, (M,), int64."""
        part = object.__new__(ClipRandom)
        part._key, part._drawn = self._key[chosen], self._drawn
        part._table, part._normals = self._table[chosen], self._normals[chosen]
        return part

    def apart(self, stream: int) -> "ClipRandom":
        """Other numbers of the same clips, whatever was drawn before; what this object draws next stays as it is."""
        part = object.__new__(ClipRandom)
        part._key, part._drawn = _hash(self._key + torch.full_like(self._key, stream + 1) * _GOLDEN), 0
        part._table = part._block(0)
        part._normals = _normal(part._table)
        return part

    def skip(self, count: int) -> None:
        """Leave out `count` numbers: what some rows drew by themselves."""
        self._drawn += count

    def unit(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), (N, *shape), float32."""
        columns = self._columns(shape)
        return self._table[:, columns].reshape(len(self), *shape)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform in [low, high), (N, *shape)."""
        return self.unit(*shape) * (high - low) + low

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """As likely between low and its double as between any other number and its double, (N, *shape)."""
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, deviation: float, *shape: int) -> Tensor:
        """Normal about 0, cut at three deviations, (N, *shape)."""
        columns = self._columns(shape)
        return (self._normals[:, columns] * deviation).reshape(len(self), *shape)

    def chance(self, probability: float, *shape: int) -> Tensor:
        """True with this probability, (N, *shape), bool."""
        return self.unit(*shape) < probability

    def pick(self, weights: Sequence[float], *shape: int) -> Tensor:
        """Indices drawn with these weights, (N, *shape), int64."""
        bounds = _bounds(tuple(weights), self.device)
        return (self.unit(*shape)[..., None] >= bounds).sum(-1)

    def _columns(self, shape: tuple[int, ...]) -> slice:
        """The next columns of both tables."""
        count = math.prod(shape)
        while self._drawn + count > self._table.shape[1]:
            block = self._block(self._table.shape[1])
            self._table = torch.cat((self._table, block), dim=1)
            self._normals = torch.cat((self._normals, _normal(block)), dim=1)
        self._drawn += count
        return slice(self._drawn - count, self._drawn)

    def _block(self, start: int) -> Tensor:
        counters = torch.arange(start, start + _COLUMNS, device=self._key.device) * _GOLDEN
        bits = _hash(self._key[:, None] + counters)
        return ((bits >> 40) & 0xFFFFFF).to(torch.float32) * 2.0**-24


def _normal(unit: Tensor) -> Tensor:
    """Normal numbers of uniform ones, cut at three deviations."""
    return torch.erfinv(unit * 2 - (1 - 2.0**-24)).mul_(math.sqrt(2)).clamp_(-3, 3)


@functools.lru_cache(maxsize=256)
def _bounds(weights: tuple[float, ...], device: torch.device) -> Tensor:
    bounds = torch.tensor(weights, dtype=torch.float64).cumsum(0)
    return (bounds / bounds[-1])[:-1].to(device, torch.float32)
