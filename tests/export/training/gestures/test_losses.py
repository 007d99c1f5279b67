from dataclasses import replace

import pytest
import torch

from tsm_edge.export.data.gestures import GestureGenerator
from tsm_edge.export.training.gestures.losses import background_loss, late_frames_loss


def test_background_is_asked_for_before_a_stroke_and_a_second_after_it():
    """One clip of 16 frames at 8 a second, its stroke from 0.5 to 0.75 s; classes 0 and 1 are the background."""
    _, dense = GestureGenerator("train", num_frames=16, fps=(8, 8), size=32).describe(0, 1)
    times = torch.arange(16)[None] / 8
    phase = torch.where(times < 0.5, 1, torch.where(times <= 0.75, 2, 3))
    dense = replace(dense, times=times, phase=phase)
    background = torch.tensor([0, 1])

    def loss(label: int, likely: int, frames: list[int], dense=dense) -> float:
        logits = torch.zeros(1, 16, 4)
        logits[0, frames, likely] = 9.0
        return float(background_loss(logits, torch.tensor([label]), background, dense))

    within = list(range(4, 15))  # stroke, and the second after it
    assert loss(2, 2, within) == 0
    assert loss(2, 2, [0]) == pytest.approx(loss(2, 2, [15])) and loss(2, 2, [0]) > 1
    assert loss(2, 0, [0]) == 0
    assert loss(0, 2, [0]) == 0  # the frames of a background's clip are all asked for their class already
    assert loss(2, 2, [0], replace(dense, times=times * 3)) == 0  # frames too far apart for a stream


def test_late_frames_alone_are_asked_for_a_gesture():
    """Stroke in frames 2 to 5: the second half of it and what follows count, and of a background's clip all frames."""
    _, dense = GestureGenerator("train", num_frames=8, size=32).describe(0, 1)
    phase = torch.tensor([[1, 1, 2, 2, 2, 2, 3, 3]])
    label = torch.tensor([2])

    def loss(frames: list[int], phase=phase) -> float:
        logits = torch.zeros(1, 8, 4)
        logits[0, :, 2] = 9.0
        logits[0, frames, 1] = 18.0
        return float(late_frames_loss(logits, label, replace(dense, phase=phase)))

    right = loss([])
    assert loss([0, 1, 2]) == pytest.approx(right)
    assert loss([3]) > 1 and loss([7]) > 1
    assert loss([0], torch.ones_like(phase)) > 1
