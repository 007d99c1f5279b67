"""What training does to a clip's pixels, all its frames alike: crops of several scales, colours, mirror images.

Source: the fixed-position, multi-scale crops of Wang et al., TSN, arXiv:1608.00859, with TSM's scales.
"""

import re
from collections.abc import Sequence

import numpy as np

from tsm_edge.export.data.clips import UInt8Array
from tsm_edge.opencv import load_opencv
from tsm_edge.specs import PreprocessSpec

__all__ = [
    "FLOW_SCALES",
    "SCALES",
    "centre_crop",
    "jitter_colours",
    "mirror",
    "mirror_flow",
    "mirrored_labels",
    "multi_scale_crop",
    "resized",
    "squeezed",
]

# Sides of a crop, of the frame's short side; width and height may lie one step apart.
SCALES = (1.0, 0.875, 0.75, 0.66)
FLOW_SCALES = (1.0, 0.875, 0.75)
# Crops begin at 0 to 4 quarters of what is left over: corners, middle, and what lies between them.
_POSITIONS = tuple((x, y) for x in range(5) for y in range(5) if (x, y) == (2, 2) or (x + y) % 2 == 0)
# A crop within so many pixels of the output's size is taken at that size, unscaled.
_NEARLY = 3

JITTER = 0.4

_OPPOSITES = (
    ("left", "right"),
    ("clockwise", "counterclockwise"),
    ("clockwise", "counter-clockwise"),
    ("clockwise", "anticlockwise"),
)


def squeezed(frames: UInt8Array, preprocess: PreprocessSpec) -> UInt8Array:
    """Frames (T, H, W, C) squeezed along their width as the runtime's preprocessing does, their height kept."""
    height, width = frames.shape[1:3]
    if height >= width:
        return frames
    return resized(frames, height, max(height, int(width / preprocess.max_squeeze)))


def multi_scale_crop(
    frames: UInt8Array, size: int, rng: np.random.Generator, scales: Sequence[float] = SCALES
) -> UInt8Array:
    """A random crop of (T, H, W, C) as (T, size, size, C), the same of every frame."""
    height, width = frames.shape[1:3]
    sides = [int(min(height, width) * scale) for scale in scales]
    sides = [size if abs(side - size) < _NEARLY and size <= min(height, width) else side for side in sides]
    pairs = [(w, h) for i, w in enumerate(sides) for j, h in enumerate(sides) if abs(i - j) <= 1]
    crop_width, crop_height = pairs[rng.integers(len(pairs))]
    x, y = _POSITIONS[rng.integers(len(_POSITIONS))]
    left, top = x * (width - crop_width) // 4, y * (height - crop_height) // 4
    return resized(frames[:, top : top + crop_height, left : left + crop_width], size, size)


def centre_crop(frames: UInt8Array, preprocess: PreprocessSpec) -> UInt8Array:
    """What the runtime's preprocessing sees of (T, H, W, C): resized, and (T, S, S, C) cut out."""
    size = preprocess.crop_size
    fitted = resized(frames, *preprocess.resized_size(*frames.shape[1:3]))
    top, left = round((fitted.shape[1] - size) / 2), round((fitted.shape[2] - size) / 2)
    return fitted[:, top : top + size, left : left + size]


def resized(frames: UInt8Array, height: int, width: int) -> UInt8Array:
    """Frames (T, H, W, C) as (T, height, width, C), bilinear."""
    if frames.shape[1:3] == (height, width):
        return frames
    cv2 = load_opencv()
    smaller = [
        cv2.resize(np.ascontiguousarray(frame), (width, height), interpolation=cv2.INTER_LINEAR)
        for frame in frames
    ]
    return np.stack(smaller)


def jitter_colours(frames: UInt8Array, rng: np.random.Generator, strength: float = JITTER) -> UInt8Array:
    """Brightness, contrast and saturation, each within 1 +- `strength`, the same for every frame."""
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, size=3).astype(np.float32)
    x = frames.astype(np.float32) * brightness
    mean = x.mean()
    x = (x - mean) * contrast + mean
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)  # luma of ITU-R BT.601
    x = (x - grey[..., None]) * saturation + grey[..., None]
    jittered: UInt8Array = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return jittered


def mirror(frames: UInt8Array) -> UInt8Array:
    """Frames (T, H, W, 3) as a mirror shows them."""
    return frames[:, :, ::-1]


def mirror_flow(stacks: UInt8Array) -> UInt8Array:
    """Stacks of flow (T, H, W, 2 num_fields) as a mirror shows them: what moved left moves right."""
    mirrored: UInt8Array = stacks[:, :, ::-1].copy()
    mirrored[..., 0::2] = 255 - mirrored[..., 0::2]
    return mirrored


def mirrored_labels(labels: Sequence[str]) -> tuple[int | None, ...]:
    """For each class the one that its mirror image shows, or None where mirroring would make a wrong label.

    A label that names a direction, such as "Swiping Left", becomes its counterpart, "Swiping Right"; where the
    counterpart is no class, its clips must not be mirrored. Labels without such words stay as they are.
    """
    index = {label.casefold(): i for i, label in enumerate(labels)}
    answers: list[int | None] = []
    for i, label in enumerate(labels):
        swapped = {_swapped(label.casefold(), pair) for pair in _OPPOSITES} - {label.casefold()}
        found = [index[other] for other in swapped if other in index]
        answers.append(i if not swapped else found[0] if found else None)
    return tuple(answers)


def _swapped(label: str, pair: tuple[str, str]) -> str:
    """`label` with each word of the pair in the place of the other; "clockwise" within a longer word is none."""
    other = {pair[0]: pair[1], pair[1]: pair[0]}
    pattern = rf"(?<![a-z])({re.escape(pair[1])}|{re.escape(pair[0])})(?![a-z])"
    return re.sub(pattern, lambda match: other[match[1]], label)
