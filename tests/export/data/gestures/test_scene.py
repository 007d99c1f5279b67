from dataclasses import replace

import torch

from tsm_edge.export.data.gestures import WORLDS, GestureGenerator
from tsm_edge.export.data.gestures.pictures import load_pictures

PLAIN = replace(WORLDS["bright"], textured=0.0)


def clips_of(textured: float, pictures=None) -> torch.Tensor:
    world = replace(PLAIN, textured=textured)
    return (
        GestureGenerator(world, seed=2, num_frames=2, size=48, pictures=pictures).clips(0, 24).clips.float()
    )


def test_textures_lie_on_people_and_change_nothing_else():
    plain, all_textured = clips_of(0.0), clips_of(1.0)
    changed = ((plain - all_textured).abs() > 3).any(2).float().mean((1, 2, 3))
    assert (
        changed > 0.02
    ).float().mean() > 0.8  # of the clips; nobody sits in some, some photographs are plain
    assert changed.max() < 0.9 and changed.mean() < 0.5  # rooms and hands are as they were
    assert torch.equal(clips_of(0.0), plain)


def test_the_share_of_people_is_textured():
    plain, some = clips_of(0.0), clips_of(0.4)
    share = ((plain - some).abs() > 12).flatten(1).any(1).float().mean()
    assert 0.1 < share < 0.75


def test_people_stay_plain_where_there_are_no_pictures():
    whole = load_pictures()
    none = replace(
        whole, photos=whole.photos[:0], videos=whole.videos[:0], video_starts=torch.zeros(1).long()
    )
    assert torch.equal(clips_of(1.0, none), clips_of(0.0, none))
