from dataclasses import fields

import torch

from tsm_edge.export.data.gestures import GESTURE_LABELS, DenseLabels, gesture_classes, renderer
from tsm_edge.export.training.gestures import Plan
from tsm_edge.export.training.gestures.clip_supply import ClipSupply

PLAN = Plan(clips=1000, batch_size=4, size=64, stream_share=0.4, coarse_share=0.5, photometry=0.3, seed=3)


def supply() -> ClipSupply:
    return ClipSupply(PLAN, torch.device("cpu"), None, "train", gesture_classes(GESTURE_LABELS))


def test_a_step_has_the_same_clips_however_many_are_made_at_once(monkeypatch):
    few = supply()
    monkeypatch.setattr(renderer, "_CPU_CHUNK", 24)
    many = supply()
    shapes = set()
    for step in range(8):
        mine, other = few.batch(step), many.batch(step)
        shapes.add(tuple(mine.clips.shape))
        assert mine.clips.shape == other.clips.shape
        assert torch.equal(mine.labels, other.labels)
        for field in fields(DenseLabels):
            torch.testing.assert_close(getattr(mine.dense, field.name), getattr(other.dense, field.name))
        # Products of other heights may round differently: a point may fall into the next pixel.
        assert ((mine.clips.int() - other.clips.int()).abs() > 1).float().mean() < 1e-3
    # Clips of either size, and half as many streams.
    assert {(4, 8, 3, 64, 64), (4, 8, 3, 32, 32)} < shapes and any(shape[:2] == (2, 16) for shape in shapes)


def test_steps_may_come_in_any_order():
    first, second = supply(), supply()
    late = first.batch(5)
    for step in range(5):
        second.batch(step)
    again = second.batch(5)
    assert torch.equal(late.clips, again.clips) and torch.equal(late.labels, again.labels)
