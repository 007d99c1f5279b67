"""Clips as batches for a network: read, sampled, cropped in worker processes; normalised where the network is.

What a clip looks like in an epoch follows from seed, epoch and the clip's place in the list alone. So neither workers
nor processes nor a run that was killed and resumed change what is learned.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from tsm_edge.export.data.augmentation import (
    FLOW_SCALES,
    SCALES,
    centre_crop,
    jitter_colours,
    mirror,
    mirror_flow,
    mirrored_labels,
    multi_scale_crop,
    squeezed,
)
from tsm_edge.export.data.clips import Clip
from tsm_edge.export.data.frame_cache import FrameCache
from tsm_edge.export.data.optical_flow import num_places
from tsm_edge.export.data.sampling import Sampling, test_indices, train_indices
from tsm_edge.opencv import load_opencv
from tsm_edge.specs import PreprocessSpec

__all__ = ["Augmentation", "TestClips", "TrainClips", "epoch_loader", "normalised", "test_loader"]

# Epoch and place in the list.
Key = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What happens to training clips at random.

    Attributes:
        crop: Crops of several scales; False cuts out the middle as tests do.
        colour_jitter: Strength for brightness, contrast and saturation; 0 leaves colours. Flow has none.
        flip: Mirror half of the clips, see `mirrored_labels`.
    """

    crop: bool = True
    colour_jitter: float = 0.0
    flip: bool = False


class TrainClips(Dataset[tuple[Tensor, int]]):
    """Training clips by (epoch, place): (T, S, S, C) uint8, RGB or stacks of flow, and the class index.

    The cache reads what the preprocessing tells, frames or flow.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        labels: Sequence[str],
        preprocess: PreprocessSpec,
        cache: FrameCache,
        *,
        num_segments: int,
        sampling: Sampling,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self._clips = clips
        self._mirrored = mirrored_labels(labels)
        self._preprocess = preprocess
        self._cache = cache
        self._num_segments = num_segments
        self._sampling: Sampling = sampling
        self._augmentation = augmentation
        self._seed = seed

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, key: Key) -> tuple[Tensor, int]:
        epoch, place = key
        clip = self._clips[place]
        rng = np.random.default_rng((self._seed, epoch, place))
        flow = self._preprocess.flow
        places = num_places(clip.num_frames, flow)
        frames = self._cache.read(
            clip, train_indices(places, self._num_segments, rng, self._sampling).tolist()
        )
        size, label = self._preprocess.crop_size, clip.label
        if self._augmentation.crop:
            frames = squeezed(frames, self._preprocess)
            frames = multi_scale_crop(frames, size, rng, SCALES if flow is None else FLOW_SCALES)
        else:
            frames = centre_crop(frames, self._preprocess)
        if self._augmentation.colour_jitter > 0 and flow is None:
            frames = jitter_colours(frames, rng, self._augmentation.colour_jitter)
        counterpart = self._mirrored[label] if self._augmentation.flip else None
        if counterpart is not None and rng.random() < 0.5:
            frames, label = (mirror if flow is None else mirror_flow)(frames), counterpart
        return torch.from_numpy(np.ascontiguousarray(frames)), label


class TestClips(Dataset[tuple[Tensor, int]]):
    """Clips as the runtime sees them, the middle frame of every segment: (T, S, S, C) uint8 and the class."""

    __test__ = False  # pytest would take it for a test

    def __init__(
        self, clips: Sequence[Clip], preprocess: PreprocessSpec, cache: FrameCache, *, num_segments: int
    ) -> None:
        self._clips = clips
        self._preprocess = preprocess
        self._cache = cache
        self._num_segments = num_segments

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        clip = self._clips[place]
        places = num_places(clip.num_frames, self._preprocess.flow)
        frames = self._cache.read(clip, test_indices(places, self._num_segments)[0].tolist())
        frames = centre_crop(frames, self._preprocess)
        return torch.from_numpy(np.ascontiguousarray(frames)), clip.label


class _EpochSampler(DistributedSampler[tuple[Tensor, int]]):
    """PyTorch's order for this process, each place with the epoch that `set_epoch` told."""

    def __iter__(self) -> Iterator[Key]:  # type: ignore[override]
        return ((self.epoch, place) for place in super().__iter__())  # type: ignore[misc]


def epoch_loader(
    clips: TrainClips, *, batch_size: int, seed: int, workers: int, rank: int = 0, world_size: int = 1
) -> tuple[DataLoader[tuple[Tensor, Tensor]], DistributedSampler[tuple[Tensor, int]]]:
    """Batches (N, T, S, S, C) uint8 and (N,) int64 of this process; `set_epoch` of the sampler chooses the order."""
    sampler = _EpochSampler(clips, world_size, rank, shuffle=True, seed=seed)
    return _loader(clips, batch_size, workers, sampler), sampler


def test_loader(clips: TestClips, *, batch_size: int, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Batches of clips in their order."""
    return _loader(clips, batch_size, workers, None)


test_loader.__test__ = False  # type: ignore[attr-defined]


def normalised(clips: Tensor, preprocess: PreprocessSpec) -> Tensor:
    """Network input (N, T, C, S, S) float32 of uint8 clips (N, T, S, S, C), RGB or flow, laid out channels last."""
    statistics = preprocess if preprocess.flow is None else preprocess.flow
    mean = torch.tensor(statistics.mean, device=clips.device)
    std = torch.tensor(statistics.std, device=clips.device)
    # Seen as (N, T, C, S, S) the memory is still channels last, which convolutions on processors prefer.
    return ((clips.float() / 255 - mean) / std).permute(0, 1, 4, 2, 3)


def _loader(
    clips: Dataset[tuple[Tensor, int]], batch_size: int, workers: int, sampler: _EpochSampler | None
) -> DataLoader[tuple[Tensor, Tensor]]:
    loader: DataLoader[Any] = DataLoader(
        clips,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        worker_init_fn=_quiet_worker,
        persistent_workers=workers > 0,
        # Of its own: it draws seeds for workers, more or fewer of them, and dropout must not notice.
        generator=torch.Generator(),
        pin_memory=torch.cuda.is_available(),
    )
    return loader


def _quiet_worker(_: int) -> None:
    # A worker is a process already; threads of its own would fight the network's for cores.
    load_opencv().setNumThreads(0)
