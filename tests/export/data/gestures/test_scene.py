from dataclasses import replace

import torch

from tsm_edge.export.data.gestures import GESTURE_LABELS, WORLDS, GestureBatch, GestureGenerator
from tsm_edge.export.data.gestures.footage import Footage
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


def filmed_clips(filmed: float, footage: Footage | None, label: str = "Stop Sign") -> torch.Tensor:
    world = replace(PLAIN, filmed=filmed)
    generator = GestureGenerator(world, seed=2, num_frames=4, size=48, footage=footage)
    return generator.clips(0, 24, torch.full((24,), GESTURE_LABELS.index(label))).clips.float()


def one_colour(red: int, green: int, blue: int) -> Footage:
    frames = torch.tensor([red, green, blue], dtype=torch.uint8)[None, :, None, None]
    return Footage(frames.expand(30, 3, 144, 192).contiguous(), torch.tensor([0, 30]))


def test_footage_takes_the_place_of_rooms_and_people_and_a_made_hand_is_before_it():
    green = filmed_clips(1.0, one_colour(10, 160, 10))
    covered = (green[:, :, 1] > green[:, :, 0] + 15) & (green[:, :, 1] > green[:, :, 2] + 15)
    share = covered.float().mean((1, 2, 3))
    assert share.median() > 0.6  # the rest is the hand, and some cameras see hardly any colour
    hands = 1 - covered.float().mean((2, 3))
    assert (hands.amax(1) > hands.amin(1) + 0.05).float().mean() > 0.6  # it comes or goes


def test_the_share_of_clips_is_filmed_and_none_without_footage():
    footage = one_colour(10, 160, 10)
    made, some = filmed_clips(0.0, footage), filmed_clips(0.4, footage)
    share = ((made - some).abs() > 12).flatten(1).float().mean(1).gt(0.3).float().mean()
    assert 0.1 < share < 0.75
    assert torch.equal(filmed_clips(0.4, None), made) and torch.equal(filmed_clips(0.0, None), made)


def walking_clips(leaves: float, label: str) -> GestureBatch:
    world = replace(PLAIN, leaves=leaves, object_held=0.0, clutter=(0, 0), photos=0.0, videos=0.0)
    generator = GestureGenerator(world, seed=2, num_frames=8, size=48)
    return generator.clips(0, 24, torch.full((24,), GESTURE_LABELS.index(label)))


def test_who_leaves_is_seen_in_some_frames_and_the_wall_alone_in_others():
    away = walking_clips(1.0, "Doing other things")
    assert not away.dense.presence.any()  # no hand
    pictures = away.clips.float()
    changed = (pictures[:, 1:] - pictures[:, :1]).abs().amax(2).gt(12).float().mean((2, 3)).amax(1)
    assert (changed > 0.2).float().mean() > 0.7  # of the clips; some are gone before the first frame
    still = walking_clips(1.0, "No gesture").clips.float()
    swayed = (still[:, 1:] - still[:, :1]).abs().amax(2).gt(12).float().mean((2, 3)).amax(1)
    assert (swayed > 0.2).float().mean() < 0.3


def test_who_gestures_stays():
    for label in ("No gesture", "Stop Sign"):
        assert torch.equal(walking_clips(1.0, label).clips, walking_clips(0.0, label).clips)
