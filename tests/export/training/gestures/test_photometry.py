import pytest
import torch

from tsm_edge.export.data.gestures import GestureGenerator
from tsm_edge.export.training.gestures.photometry import randomise_photometry


@pytest.fixture(scope="module")
def clips() -> torch.Tensor:
    return GestureGenerator("train", seed=1, num_frames=2, size=32).clips(0, 24).clips


def drawn(clips, share, seed=0):
    return randomise_photometry(clips, share, torch.Generator().manual_seed(seed))


def changed(one, other) -> torch.Tensor:
    return (one != other).flatten(1).any(1)


def test_the_share_of_clips_is_changed_and_the_seed_says_which(clips):
    assert torch.equal(drawn(clips, 0.0), clips)
    half = changed(drawn(clips, 0.5), clips)
    assert 4 <= int(half.sum()) <= 19
    assert int(changed(drawn(clips, 1.0), clips).sum()) >= 18  # now and then nothing falls on a clip
    assert torch.equal(drawn(clips, 0.5), drawn(clips, 0.5))
    assert not torch.equal(changed(drawn(clips, 0.5, seed=1), clips), half)


def test_frames_of_a_clip_change_alike(clips):
    still = clips[:, :1].expand(-1, 2, -1, -1, -1).contiguous()
    found = drawn(still, 1.0)
    assert torch.equal(found[:, 0], found[:, 1])
    assert found.dtype == torch.uint8 and found.shape == clips.shape


def test_pictures_stay_recognisable(clips):
    """Brightness of most clips goes with what it was, pixel by pixel."""
    before = clips.float().mean(2).flatten(1)
    after = drawn(clips, 1.0).float().mean(2).flatten(1)
    alike = [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(before, after, strict=True)]
    assert torch.tensor(alike).median() > 0.85
