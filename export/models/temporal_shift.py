"""The temporal shift, the one thing that differs between a model's three views.

    offline     y[t] = [x[t+1][:f], x[t-1][f:2f], x[t][2f:]]     a clip, seen as a whole
    online      y[t] = [x[t-1][:f], x[t][f:]]                    a clip, the past alone
    streaming   y    = [shift_buffer, x[f:]],  shift_buffer' = x[:f]   one frame after another
    none        y[t] = x[t]                                      every frame by itself, for comparison

with f = C // shift_div channels, and zeros before the first and after the last frame. A backbone knows none
of this: it is given a `Shift` and calls it once in front of each shifted convolution, in the network's order.

Source: Lin, Gan and Han, TSM: Temporal Shift Module for Efficient Video Understanding, arXiv:1811.08383.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from tsm_edge.errors import StateError
from tsm_edge.specs import ShiftMode

__all__ = ["BufferedShift", "Shift", "clip_shift", "shift_offline", "shift_online", "shift_streaming"]

# What a backbone calls in front of a shifted convolution: features (B, C, H, W) in, shifted features out.
Shift = Callable[[Tensor], Tensor]


def shift_offline(x: Tensor, shift_div: int) -> Tensor:
    """Exchange channels with both neighbours in time: the bi-directional shift.

    Args:
        x: Features of whole clips, (N, T, C, H, W), float.
        shift_div: One channel in `shift_div` comes from the next frame, as many from the previous one.

    Returns:
        Shifted features, shaped like x.
    """
    fold = x.shape[2] // shift_div
    nothing = torch.zeros_like(x[:, :1, :fold])
    from_next = torch.cat((x[:, 1:, :fold], nothing), dim=1)
    from_previous = torch.cat((nothing, x[:, :-1, fold : 2 * fold]), dim=1)
    return torch.cat((from_next, from_previous, x[:, :, 2 * fold :]), dim=2)


def shift_online(x: Tensor, shift_div: int) -> Tensor:
    """Take the leading channels of the previous frame: the uni-directional shift over a clip.

    Args:
        x: Features of whole clips, (N, T, C, H, W), float.
        shift_div: One channel in `shift_div` comes from the previous frame.

    Returns:
        Shifted features, shaped like x.
    """
    fold = x.shape[2] // shift_div
    nothing = torch.zeros_like(x[:, :1, :fold])
    from_previous = torch.cat((nothing, x[:, :-1, :fold]), dim=1)
    return torch.cat((from_previous, x[:, :, fold:]), dim=2)


def shift_streaming(x: Tensor, shift_buffer: Tensor) -> tuple[Tensor, Tensor]:
    """Swap the leading channels of this frame for those of the previous one.

    Args:
        x: Features of one frame, (N, C, H, W), float.
        shift_buffer: Leading C // shift_div channels of the previous frame, (N, C // shift_div, H, W);
            zeros before the first frame.

    Returns:
        Shifted features, shaped like x, and the buffer for the next frame.

    Raises:
        StateError: x and shift_buffer differ in N, H or W.
    """
    fold = shift_buffer.shape[1]
    expected = (x.shape[0], fold, *x.shape[2:])
    if tuple(shift_buffer.shape) != expected:
        raise StateError(f"shift buffer {tuple(shift_buffer.shape)} does not fit; expected {expected}")
    return torch.cat((shift_buffer, x[:, fold:]), dim=1), x[:, :fold]


_CLIP_SHIFTS: dict[ShiftMode, Callable[[Tensor, int], Tensor]] = {
    "offline": shift_offline,
    "online": shift_online,
    "none": lambda x, shift_div: x,
}


def clip_shift(mode: ShiftMode, num_segments: int, shift_div: int) -> Shift:
    """The shift of a backbone that sees all frames of its clips as one batch, (N * num_segments, C, H, W)."""
    shift_clips = _CLIP_SHIFTS[mode]

    def shift(x: Tensor) -> Tensor:
        clips = torch.unflatten(x, 0, (-1, num_segments))  # (N*T, C, H, W) -> (N, T, C, H, W)
        return shift_clips(clips, shift_div).flatten(0, 1)

    return shift


class BufferedShift:
    """The shift of a backbone that sees one frame: takes buffers in the network's order, keeps the next ones.

    Attributes:
        next_shift_buffers: Buffers for the next frame, complete once the backbone has run.
    """

    def __init__(self, shift_buffers: Iterable[Tensor]) -> None:
        self._shift_buffers = iter(shift_buffers)
        self.next_shift_buffers: list[Tensor] = []

    def __call__(self, x: Tensor) -> Tensor:
        """Shift the features (N, C, H, W) of the next shifted convolution."""
        shifted, next_shift_buffer = shift_streaming(x, next(self._shift_buffers))
        self.next_shift_buffers.append(next_shift_buffer)
        return shifted
