"""Hands that make no gesture."""

from dataclasses import replace

import pytest
import torch

from tsm_edge.export.data.gestures import GESTURE_LABELS, OTHER, WORLDS, GestureGenerator

COUNT = 96


@pytest.fixture(scope="module")
def worlds() -> tuple[GestureGenerator, GestureGenerator]:
    """Where hands are at faces by chance alone, and where all other things are such hands."""
    never, always = (
        GestureGenerator(
            replace(WORLDS["train"], at_face=chance, leaves=0.0), seed=3, num_frames=36, size=48, fps=(12, 12)
        )
        for chance in (0.0, 1.0)
    )
    return never, always


def test_a_hand_comes_to_the_face_or_leaves_it(worlds):
    labels = torch.full((COUNT,), GESTURE_LABELS.index(OTHER))
    said, dense = worlds[1].describe(0, COUNT, labels)
    assert torch.equal(said, labels)
    stroke = dense.phase == 2
    kept = torch.nonzero(stroke.sum(1) >= 2)[:, 0]
    assert len(kept) > COUNT * 0.8
    order = torch.arange(stroke.shape[1])
    first = torch.where(stroke, order, 99).amin(1)[kept]
    last = torch.where(stroke, order, -1).amax(1)[kept]
    height = dense.centre[..., 1]
    sinks = height[kept, last] - height[kept, first]  # y grows downwards
    assert (sinks.abs() > 0.02).float().mean() > 0.85
    assert 0.35 < (sinks > 0).float().mean() < 0.65


def test_gestures_are_made_as_before(worlds):
    never, always = worlds
    labels = torch.arange(COUNT) % len(GESTURE_LABELS)
    (_, without), (_, with_them) = never.describe(0, COUNT, labels), always.describe(0, COUNT, labels)
    same = (without.centre == with_them.centre).flatten(1).all(1)
    others = labels == GESTURE_LABELS.index(OTHER)
    assert same[~others].all()
    assert not same[others].any()


def test_held_out_worlds_stay_as_they_were():
    others = [world for name, world in WORLDS.items() if name != "train"]
    assert all(world.at_face == world.leaves == 0 for world in others)
