import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.errors import StateError
from tsm_edge.export import shift_offline, shift_online, shift_streaming
from tsm_edge.export.models.temporal_shift import BufferedShift, clip_shift

# N, T, C, H, W
SHAPES = st.tuples(*(st.integers(1, high) for high in (3, 9, 33, 4, 4)))
SHIFT_DIVS = st.sampled_from([2, 3, 4, 8])


def features(shape):
    return torch.arange(1, 1 + int(np.prod(shape)), dtype=torch.float32).reshape(shape)


def reference(x, shift_div, *, offline):
    """Element by element, as the paper's figure 1 draws it."""
    x = x.numpy()
    out = np.zeros_like(x)
    num_clips, num_segments, channels = x.shape[:3]
    fold = channels // shift_div
    for n, t, c in np.ndindex(num_clips, num_segments, channels):
        directions = (1, -1) if offline else (-1,)
        source = t + (directions[c // fold] if fold and c // fold < len(directions) else 0)
        if 0 <= source < num_segments:
            out[n, t, c] = x[n, source, c]
    return torch.from_numpy(out)


@given(SHAPES, SHIFT_DIVS)
def test_offline_shift_exchanges_with_both_neighbours(shape, shift_div):
    x = features(shape)
    assert torch.equal(shift_offline(x, shift_div), reference(x, shift_div, offline=True))


@given(SHAPES, SHIFT_DIVS)
def test_online_shift_takes_from_the_past(shape, shift_div):
    x = features(shape)
    assert torch.equal(shift_online(x, shift_div), reference(x, shift_div, offline=False))


@given(SHAPES, SHIFT_DIVS)
def test_streaming_shift_is_the_online_shift_frame_by_frame(shape, shift_div):
    x = features(shape)
    shift_buffer = torch.zeros(shape[0], shape[2] // shift_div, *shape[3:])
    frames = []
    for t in range(shape[1]):
        shifted, shift_buffer = shift_streaming(x[:, t], shift_buffer)
        frames.append(shifted)
    assert torch.equal(torch.stack(frames, dim=1), shift_online(x, shift_div))


@pytest.mark.parametrize("shape", [(2, 1, 4, 4), (1, 1, 4, 5), (1, 1, 3, 4)])
def test_buffer_of_another_shape_is_refused(shape):
    with pytest.raises(StateError, match=r"does not fit; expected \(1, 1, 4, 4\)"):
        shift_streaming(torch.zeros(1, 8, 4, 4), torch.zeros(shape))


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_clip_shift_keeps_the_clips_of_a_batch_apart(mode):
    x = features((2, 3, 8, 2, 2))
    shifted = clip_shift(mode, num_segments=3, shift_div=8)(x.flatten(0, 1))
    expected = reference(x, 8, offline=mode == "offline")
    assert torch.equal(shifted, expected.flatten(0, 1))


def test_buffered_shift_takes_and_keeps_buffers_in_order():
    first, second = features((1, 8, 2, 2)), 100 + features((1, 16, 1, 1))
    shift = BufferedShift([torch.zeros(1, 1, 2, 2), torch.ones(1, 2, 1, 1)])
    assert shift(first)[:, :1].eq(0).all()
    assert shift(second)[:, :2].eq(1).all()
    assert torch.equal(shift.next_shift_buffers[0], first[:, :1])
    assert torch.equal(shift.next_shift_buffers[1], second[:, :2])
