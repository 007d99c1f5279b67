from dataclasses import fields

import pytest
import torch

from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures import GESTURE_LABELS, WORLDS, DenseLabels, GestureGenerator


def test_a_clip_is_the_same_in_any_batch(short_clips):
    whole = short_clips.clips(20, 9)
    again = GestureGenerator("train", seed=3, num_frames=4, size=48, chunk=3)
    for start, count in ((20, 2), (22, 5), (27, 2)):
        part = again.clips(start, count)
        rows = slice(start - 20, start - 20 + count)
        # Matrix products of other heights may round a sum differently: a point may fall into the next pixel.
        apart = (part.clips.int() - whole.clips[rows].int()).abs()
        assert (apart > 1).float().mean() < 1e-3
        assert torch.equal(part.labels, whole.labels[rows])
        for field in fields(DenseLabels):
            torch.testing.assert_close(
                getattr(part.dense, field.name), getattr(whole.dense, field.name)[rows]
            )


def test_the_same_call_gives_the_same_bytes(short_clips):
    first, second = short_clips.clips(0, 5), short_clips.clips(0, 5)
    assert torch.equal(first.clips, second.clips)


def test_seeds_and_worlds_differ(short_clips):
    mine = short_clips.clips(0, 4).clips.float()
    for other in (
        GestureGenerator("train", seed=4, num_frames=4, size=48),
        GestureGenerator("held-out", seed=3, num_frames=4, size=48),
    ):
        assert (other.clips(0, 4).clips.float() - mine).abs().mean((1, 2, 3, 4)).min() > 5


@pytest.mark.parametrize("world", sorted(WORLDS))
@pytest.mark.parametrize("size", [48, 144])
def test_shapes_types_and_ranges(world, size):
    generator = GestureGenerator(world, seed=1, num_frames=3, size=size)
    batch = generator.clips(5, 6)
    assert batch.clips.shape == (6, 3, 3, size, size)
    assert batch.clips.dtype == torch.uint8
    assert ((batch.labels >= 0) & (batch.labels < len(GESTURE_LABELS))).all()
    dense = batch.dense
    for field in fields(DenseLabels):
        assert torch.isfinite(getattr(dense, field.name).float()).all()
    for name in ("palm", "fingers"):
        torch.testing.assert_close(getattr(dense, name).norm(dim=-1), torch.ones(6, 3), rtol=0, atol=1e-4)
    assert ((dense.presence == 0) | (dense.presence == 1)).all()
    assert ((dense.phase >= 0) & (dense.phase <= 3)).all()
    assert (dense.times.diff(dim=1) > 0).all()


def test_pictures_have_content_and_their_exposure_varies(short_clips):
    clips = short_clips.clips(0, 64).clips.float()
    means, spreads = clips.mean((1, 2, 3, 4)), clips.std((2, 3, 4)).mean(1)
    assert means.min() < 60 and means.max() > 170
    assert (spreads > 4).float().mean() > 0.95


def test_the_hand_is_where_the_labels_say():
    """Two clips that differ in the gesture alone differ where either hand is."""
    generator = GestureGenerator("bright", seed=2, num_frames=6, size=64)
    batch = generator.clips(0, 40, torch.full((40,), GESTURE_LABELS.index("Stop Sign")))
    frames = batch.clips.float().mean(2)
    moving = (frames[:, 1:] - frames[:, :-1]).abs()
    near, far = [], []
    grid = (torch.arange(64) + 0.5) / 64
    for clip in range(40):
        for step in range(5):
            here, before = batch.dense.presence[clip, step + 1], batch.dense.presence[clip, step]
            if here and not before:
                x, y = batch.dense.centre[clip, step + 1]
                close = ((grid[None] - x).square() + (grid[:, None] - y).square()).sqrt() < 0.08
                near.append(moving[clip, step][close].mean())
                far.append(moving[clip, step][~close].mean())
    assert len(near) > 15
    assert torch.stack(near).mean() > 3 * torch.stack(far).mean()


def test_labels_can_be_given(short_clips):
    wanted = torch.tensor([3, 3, 8])
    assert torch.equal(short_clips.clips(0, 3, wanted).labels, wanted)


@pytest.mark.parametrize("wrong", [{"size": 50}, {"size": 1024}, {"num_frames": 0}, {"world": "moon"}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(UsageError, match=r"choose|give"):
        GestureGenerator(**{"world": "train", **wrong})


@pytest.mark.gpu
def test_a_gpu_draws_what_a_cpu_draws(short_clips):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU that torch can use")
    there = GestureGenerator("train", seed=3, num_frames=4, size=48, device="cuda").clips(0, 8)
    here = short_clips.clips(0, 8)
    assert torch.equal(there.labels.cpu(), here.labels)
    # Other roundings move some points by a pixel.
    assert ((there.clips.cpu().int() - here.clips.int()).abs() > 8).float().mean() < 0.02
