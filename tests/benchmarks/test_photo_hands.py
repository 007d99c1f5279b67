"""Hands of photographs as clips: a made photograph whose hand is known, before a made video."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from tsm_edge.errors import DataError, UsageError
from tsm_edge.export import save_checkpoint
from tsm_edge.export.data.gestures import GESTURE_LABELS
from tsm_edge.export.training.initial_weights import initial_model
from tsm_edge.runtime.video_writer import VideoWriter

SKIN, WALL, ROOM = (90, 120, 200), (120, 60, 20), (40, 90, 40)  # BGR


@pytest.fixture
def photos(tmp_path):
    """A folder with a palm on an upright forearm, and one with a level forearm, and their outlines."""
    folder = tmp_path / "photos"
    folder.mkdir()
    palm = np.full((120, 120, 3), WALL, np.uint8)
    cv2.ellipse(palm, (60, 35), (16, 24), 0, 0, 360, SKIN, -1)
    cv2.rectangle(palm, (52, 50), (68, 105), SKIN, -1)
    thumb = np.full((120, 120, 3), WALL, np.uint8)
    cv2.rectangle(thumb, (20, 52), (100, 68), SKIN, -1)
    cv2.rectangle(thumb, (88, 60), (100, 90), SKIN, -1)
    around = [[0.3, 0.05], [0.7, 0.05], [0.7, 0.95], [0.3, 0.95]]
    level = [[0.1, 0.35], [0.9, 0.35], [0.9, 0.85], [0.1, 0.85]]
    entries = []
    for name, photo, shows, arm, outline in (
        ("palm.png", palm, "palm", "below", around),
        ("thumb.png", thumb, "thumb down", "left", level),
    ):
        cv2.imwrite(str(folder / name), photo)
        hand = {"hand": 0.5, "box": [0, 0, 1, 1], "outline": outline}
        entries.append({"file": name, "shows": shows, "arm": arm, **hand})
    (tmp_path / "outlines.json").write_text(json.dumps(entries))
    return folder


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    with VideoWriter(folder / "room.mp4", 24) as video:
        for _ in range(80):
            video.write(np.full((90, 120, 3), ROOM, np.uint8))
    return folder


@pytest.fixture
def still_room():
    return [np.full((180, 240, 3), ROOM, np.uint8)] * 36


def cutouts(photos):
    import photo_hand_clips

    return photo_hand_clips.read_cutouts(photos.parent / "outlines.json", photos)


def hand_places(frames):
    """The column of the hand's middle and how much of the frame it covers, of each frame."""
    found = frames[..., 0].astype(int) - frames[..., 1] > 30
    columns = np.indices(found.shape[1:])[1]
    size = found.sum((1, 2))
    return (found * columns).sum((1, 2)) / np.maximum(size, 1), size


def test_hands_are_cut_along_their_edges(photos):
    palm, down, up = cutouts(photos)
    assert palm.picture.shape[2] == 4
    inside = palm.picture[..., 3] > 0.9
    np.testing.assert_allclose(np.median(palm.picture[inside][:, :3], axis=0), SKIN, atol=6)
    assert 0.3 < inside.mean() < 0.75  # a palm and a narrower arm in their box
    assert (down.shows, down.arm, up.shows, up.arm) == ("thumb down", "left", "thumb up", "right")
    np.testing.assert_array_equal(up.picture, down.picture[::-1, ::-1])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("label", ["Swiping Left", "Swiping Right"])
def test_swipes_cross_the_picture_as_their_label_says(photos, still_room, label, mirrored):
    import photo_hand_clips

    palm = cutouts(photos)[0]
    frames, shown = photo_hand_clips.clip(palm, label, still_room, mirrored, np.random.default_rng(3))
    assert (shown == label) != mirrored
    x, size = hand_places(frames)
    whole = np.flatnonzero(size > 0.7 * size.max())
    moved = x[whole[-1]] - x[whole[0]]
    assert moved > 20 if shown == "Swiping Left" else moved < -20


def test_hands_are_raised_and_lowered_and_pushed_ones_grow(photos, still_room):
    import photo_hand_clips

    palm, down, up = cutouts(photos)
    for cutout in (palm, down, up):
        for label in photo_hand_clips.labels_of(cutout):
            frames, _ = photo_hand_clips.clip(cutout, label, still_room, False, np.random.default_rng(4))
            assert frames.shape == (36, 100, 133, 3)
            _, size = hand_places(frames)
            assert size[0] < 0.02 * size.max() and size[-1] < 0.5 * size.max() and size.max() > 300
            seen = np.flatnonzero(size > 0.2 * size.max())
            middle = (seen[0] + seen[-1]) / 2
            if label == "Pushing Hand Away":
                assert size.argmax() > middle
            if label == "Pulling Hand In":
                assert size.argmax() < middle


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    model, _ = initial_model(
        "random", GESTURE_LABELS, name="small", model="mobilenetv2-0.5", image_size=32, seed=1
    )
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(model.eval(), path)
    return path


def test_clips_are_read_kept_and_the_same_again(photos, videos, weights, tmp_path, monkeypatch):
    import photo_hands
    from gesture_record import read_photo_hands
    from gesture_tables import photo_hands_table

    monkeypatch.setattr(photo_hands, "OUTLINES", tmp_path / "outlines.json")
    for kept in ("once", "again"):
        options = ["--each", "1", "--clips", tmp_path / kept, "--json", tmp_path / f"{kept}.json"]
        arguments = list(map(str, [photos, videos, weights, *options]))
        done = CliRunner().invoke(photo_hands.main, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    labels = sorted(path.name for path in (tmp_path / "once").iterdir())
    assert labels == [
        "Doing other things", "Pulling Hand In", "Pushing Hand Away", "Shaking Hand", "Stop Sign", "Swiping Left",
        "Swiping Right", "Thumb Down", "Thumb Up",
    ]  # fmt: skip
    files = sorted(path.relative_to(tmp_path / "once") for path in (tmp_path / "once").rglob("*.jpg"))
    assert len(files) == 36 * (2 * 8 + 8)
    for file in files[::97]:
        assert (tmp_path / "once" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    record, again = (read_photo_hands(tmp_path / f"{kept}.json") for kept in ("once", "again"))
    assert (record.num_gestures, record.num_quiet, record.data.photos, record.data.videos) == (16, 8, 2, 1)
    assert record.top1 == pytest.approx(sum(each.recall * each.num_clips for each in record.classes) / 16)
    assert record.top1 + record.wrong <= 1
    assert (record.top1, record.classes) == (again.top1, again.classes)
    assert "| Thumb Down | 2 |" in photo_hands_table([record])


def test_missing_photographs_videos_and_old_folders_are_named(photos, videos, weights, tmp_path, monkeypatch):
    import photo_hands

    def run(*arguments):
        CliRunner().invoke(photo_hands.main, list(map(str, arguments)), catch_exceptions=False)

    with pytest.raises(DataError, match="no such picture; give the folder that holds it"):
        run(photos, videos, weights)
    monkeypatch.setattr(photo_hands, "OUTLINES", tmp_path / "outlines.json")
    with pytest.raises(UsageError, match="no video of three seconds"):
        run(photos, photos, weights)
    with pytest.raises(UsageError, match="exists; give a new folder"):
        run(photos, videos, weights, "--clips", tmp_path)
