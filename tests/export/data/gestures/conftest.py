"""Generators that are slow to make, shared."""

from dataclasses import replace

import pytest

from tsm_edge.export.data.gestures import WORLDS, GestureGenerator


@pytest.fixture(scope="session")
def long_clips() -> GestureGenerator:
    """Three seconds at 12 frames a second, as webcams record."""
    return GestureGenerator("train", seed=3, num_frames=36, size=48, fps=(12, 12))


@pytest.fixture(scope="session")
def book_clips() -> GestureGenerator:
    """The same, where everybody moves as the scripts say."""
    world = replace(WORLDS["train"], loose=0.0)
    return GestureGenerator(world, seed=3, num_frames=36, size=48, fps=(12, 12))


@pytest.fixture(scope="session")
def short_clips() -> GestureGenerator:
    return GestureGenerator("train", seed=3, num_frames=4, size=48)
