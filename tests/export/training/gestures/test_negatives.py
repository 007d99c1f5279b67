import math
from dataclasses import replace

import pytest
import torch

from tsm_edge.export.data.gestures.footage import Footage
from tsm_edge.export.training.gestures.negatives import NegativeSupply, negative_loss
from tsm_edge.export.training.gestures.plan import Plan

CPU = torch.device("cpu")
PLAN = Plan(seed=5)
TIMES = torch.arange(6)[None].repeat(12, 1) / 6


def footage(*lengths: int) -> Footage:
    """Videos of one grey each, that grows by 1 from frame to frame."""
    parts = [torch.arange(length) + 20 + 100 * place for place, length in enumerate(lengths)]
    tones = torch.cat(parts).to(torch.uint8)
    starts = torch.tensor([0, *lengths]).cumsum(0)
    return Footage(tones[:, None, None, None].expand(-1, 3, 144, 192).contiguous(), starts)


def test_clips_follow_from_seed_and_number():
    shown = NegativeSupply(footage(40), PLAN, CPU).clips(0, TIMES, 32)
    assert shown.shape == (12, 6, 3, 32, 32) and shown.dtype == torch.uint8
    again = NegativeSupply(footage(40), PLAN, CPU)
    assert torch.equal(again.clips(4, TIMES[:2], 32), shown[4:6])
    assert not torch.equal(again.clips(12, TIMES, 32), shown)
    assert not torch.equal(NegativeSupply(footage(40), replace(PLAN, seed=6), CPU).clips(0, TIMES, 32), shown)


def test_videos_play_at_their_speed_to_and_fro():
    shown = NegativeSupply(footage(60), PLAN, CPU).clips(0, TIMES, 32).float().mean((2, 3, 4))
    steps = shown[:, 1:] - shown[:, :-1]
    assert (steps.abs() <= 2 * 1.5 + 1).all()  # two frames of 12 a second, brightened by half at most
    assert (steps.abs() > 0.5).float().mean() > 0.9


def test_a_video_is_not_continued_by_another():
    tones = NegativeSupply(footage(5, 5), PLAN, CPU).clips(0, TIMES, 32).float().mean((2, 3, 4))
    assert (tones.amax(1) / tones.amin(1) < 1.5).all()  # the other's frames are five times as bright
    assert tones.mean(1).max() > 3 * tones.mean(1).min()  # and both are seen


def test_a_photograph_is_one_frame_under_a_moving_camera():
    picture = torch.randint(0, 255, (1, 3, 9, 12), generator=torch.Generator().manual_seed(0)).float()
    picture = torch.nn.functional.interpolate(picture, (144, 192), mode="bilinear").to(torch.uint8)
    shown = NegativeSupply(Footage(picture, torch.tensor([0, 1])), PLAN, CPU).clips(0, TIMES, 32)
    assert (shown[:, 0] != shown[:, -1]).flatten(1).any(1).float().mean() > 0.9


def test_loss_asks_for_the_background_and_not_for_which():
    background = torch.tensor([0, 1])
    undecided = negative_loss(torch.zeros(2, 3, 4), background)
    assert undecided == pytest.approx(math.log(2))
    for sure in ([9.0, 0, 0, 0], [0, 9.0, 0, 0]):
        assert negative_loss(torch.tensor(sure).expand(2, 3, 4), background) < 0.01
    assert negative_loss(torch.tensor([0, 0, 9.0, 0]).expand(2, 3, 4), background) > 8
