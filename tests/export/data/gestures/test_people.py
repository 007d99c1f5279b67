from dataclasses import fields, replace

import torch

from tsm_edge.export.data.gestures import WORLDS
from tsm_edge.export.data.gestures.people import Person, choose_people
from tsm_edge.export.data.gestures.random_numbers import ClipRandom

PLAIN = replace(WORLDS["train"], near=0.0)


def people_of(near: float) -> Person:
    return choose_people(ClipRandom(3, torch.arange(2000)), replace(PLAIN, near=near))


def test_some_sit_nearer_and_nothing_else_of_anybody_changes():
    far, some = people_of(0.0), people_of(0.25)
    nearer = some.head != far.head
    assert 0.2 < nearer.float().mean() < 0.3
    ratio = some.head / far.head
    assert ratio.min() == 1 and 1.9 < ratio.max() <= 2
    others = [field.name for field in fields(Person) if field.name != "head"]
    assert all(torch.equal(getattr(far, name), getattr(some, name)) for name in others)


def test_the_nearest_head_just_fills_the_frame():
    assert 0.8 < 2 * people_of(1.0).head.max() < 0.9


def test_a_world_without_near_people_has_heads_as_it_says():
    low, high = PLAIN.head_width
    heads = people_of(0.0).head
    assert low <= heads.min() < 1.02 * low and 0.98 * high < heads.max() <= high
