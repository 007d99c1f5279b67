"""Videos in which nobody makes a gesture, for networks that know only made people.

They are shown as they are, as clips without a gesture, and with a made hand in front of them, as clips of one: else a
network could learn that whoever looks real makes none.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.errors import UsageError
from tsm_edge.export.data.clips import VIDEO_SUFFIXES
from tsm_edge.export.data.gestures.picture_files import (
    FOOTAGE_FPS,
    PHOTO_SUFFIXES,
    cut_picture,
    stack_pictures,
    video_frames,
)
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.opencv import load_opencv

__all__ = ["Footage", "load_footage"]

_MOST_FOOTAGE = 3000  # frames of one file


@dataclass(frozen=True)
class Footage:
    """Videos in memory.

    Attributes:
        frames: Of all videos one after another at FOOTAGE_FPS, (F, 3, 144, 192), uint8 RGB.
        starts: First frame of each video and the end of the last one, (V + 1,), int64.
    """

    frames: Tensor
    starts: Tensor

    def to(self, device: torch.device) -> "Footage":
        """The same on another device."""
        return Footage(self.frames.to(device), self.starts.to(device))

    def seen(self, r: ClipRandom, times: Tensor, size: int) -> Tensor:
        """Parts of it: 0.45 to 1 of a video's height, moving and zooming a little, some mirrored.

        Half of them are squares, the others up to 4 / 3 as wide and squeezed, as wide cameras' pictures are.

        Args:
            r: The clips' random numbers.
            times: Of the frames, seconds, (N, T).
            size: Pixels.

        Returns:
            RGB, (N, T, 3, size, size), float32, 0 to some 380: brighter or darker by half.
        """
        n, t = times.shape
        shown = self.frames[self._places(r, times).flatten()].float()
        height, width = shown.shape[-2:]
        across = torch.where(r.chance(0.5), -1.0, 1.0)[:, None]
        zoom = r.uniform(0.45, 1.0, 1) * (1 + r.normal(0.03, 1) * times)
        zoom = zoom.clamp(0.3, 1.0)
        drift = r.normal(0.06, 2)[:, None] * times[..., None] / 2
        middle = (r.uniform(-1, 1, 2)[:, None] + drift).clamp(-1, 1)
        steps = (torch.arange(size, device=times.device) + 0.5) / size * 2 - 1
        squeeze = torch.where(r.chance(0.5), r.uniform(1.0, width / height), 1.0)[:, None]
        wide = (zoom * squeeze * height / width).clamp(max=1.0)
        gx = across[..., None] * steps * wide[..., None] + (middle[..., 0] * (1 - wide))[..., None]
        gy = steps * zoom[..., None] + (middle[..., 1] * (1 - zoom))[..., None]
        grid = torch.stack(
            (gx[:, :, None].expand(-1, -1, size, -1), gy[..., None].expand(-1, -1, -1, size)), dim=-1
        )
        pictures = functional.grid_sample(
            shown, grid.flatten(0, 1), mode="bilinear", padding_mode="border", align_corners=False
        )
        gain = r.log_uniform(0.5, 1.5).repeat_interleave(t)[:, None, None, None]
        return (pictures * gain).view(n, t, 3, size, size)

    def _places(self, r: ClipRandom, times: Tensor) -> Tensor:
        """Which frame is seen when, (N, T): to and fro, so that no video ends."""
        video = (r.unit() * (len(self.starts) - 1)).long()
        begin, length = self.starts[video][:, None], (self.starts[video + 1] - self.starts[video])[:, None]
        turn = (2 * length - 2).clamp(min=1)
        at = ((r.unit()[:, None] * length).long() + (times * FOOTAGE_FPS).long()) % turn
        return begin + torch.minimum(at, turn - at).clamp(min=0)


def load_footage(folder: Path) -> Footage:
    """The middle of all videos of a folder and of the folders in it; a photograph is a video that stands still.

    Raises:
        UsageError: OpenCV reads none of its files.
    """
    cv2 = load_opencv()
    clips: list[list[np.ndarray]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in VIDEO_SUFFIXES:
            clips.append(video_frames(path, most=_MOST_FOOTAGE))
        elif path.suffix.lower() in PHOTO_SUFFIXES:
            picture = cv2.imread(os.fspath(path), cv2.IMREAD_COLOR)
            clips.append([] if picture is None else [cut_picture(picture)])
    clips = [frames for frames in clips if frames]
    if not clips:
        raise UsageError(f"{folder} has no videos and photographs that OpenCV reads; give a folder of some")
    starts = torch.tensor([0, *(len(frames) for frames in clips)]).cumsum(0)
    return Footage(stack_pictures([frame for frames in clips for frame in frames]), starts)
