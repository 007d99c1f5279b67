"""Data sets of every layout, whole and damaged, as they lie on disk."""

import json

import numpy as np
import pytest
from moving_shapes import moving_shape, write_clip, write_folders

from tsm_edge.errors import DataError
from tsm_edge.export.data import open_data, read_frames, split_clips


@pytest.fixture(scope="module")
def frames():
    return moving_shape("left", np.random.default_rng(0), num_frames=6)


def seen(clips):
    return {(clip.path.name, clip.label, clip.num_frames) for clip in clips}


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".webm", ""])
def test_a_folder_per_class_of_videos_or_pictures(tmp_path, suffix):
    data = open_data(write_folders(tmp_path, 2, suffix=suffix))
    assert data.labels == ("left", "right")
    assert seen(data.train) == {(f"00{i}{suffix}", label, 12) for i in (0, 1) for label in (0, 1)}
    assert data.validation == ()
    assert data.problems == ()


def test_folders_named_train_and_validation_are_parts(tmp_path):
    write_folders(tmp_path / "train", 2)
    write_folders(tmp_path / "val", 1)
    data = open_data(tmp_path)
    assert (len(data.train), len(data.validation)) == (4, 2)
    assert data.labels == ("left", "right")


def test_jester_layout(tmp_path, frames):
    for number in (1, 22, 300):
        write_clip(tmp_path / "20bn-jester-v1" / str(number), frames)
    (tmp_path / "jester-v1-labels.csv").write_text("Swiping Left\nStop Sign\n")
    (tmp_path / "jester-v1-train.csv").write_text("1;Stop Sign\n22;Swiping Left\n")
    (tmp_path / "jester-v1-validation.csv").write_text("300;Stop Sign\n")
    data = open_data(tmp_path)
    assert data.labels == ("Swiping Left", "Stop Sign")
    assert seen(data.train) == {("1", 1, 6), ("22", 0, 6)}
    assert seen(data.validation) == {("300", 1, 6)}


def test_something_layout(tmp_path, frames):
    for number in (7, 8):
        write_clip(tmp_path / "20bn-something-something-v2" / f"{number}.webm", frames)
    labels = {"Pushing something left": "0", "Covering something": "1"}
    (tmp_path / "something-something-v2-labels.json").write_text(json.dumps(labels))
    train = [{"id": "7", "label": "covering a cup", "template": "Covering [something]"}]
    (tmp_path / "something-something-v2-train.json").write_text(json.dumps(train))
    rest = [{"id": "8", "label": "pushing a cup left", "template": "Pushing [something] left"}]
    (tmp_path / "something-something-v2-validation.json").write_text(json.dumps(rest))
    data = open_data(tmp_path)
    assert data.labels == ("Pushing something left", "Covering something")
    assert seen(data.train) == {("7.webm", 1, 6)}
    assert seen(data.validation) == {("8.webm", 0, 6)}


def test_published_lists(tmp_path, frames):
    for name in ("a b", "c"):
        write_clip(tmp_path / "frames" / name, frames)
    (tmp_path / "train_videofolder.txt").write_text("a b 6 1\n")
    (tmp_path / "val_videofolder.txt").write_text("c 6 0\n")
    data = open_data(tmp_path)
    assert data.labels == ("class 0", "class 1")
    assert seen(data.train) == {("a b", 1, 6)}
    assert seen(data.validation) == {("c", 0, 6)}
    (tmp_path / "category.txt").write_text("zero\none\n")
    assert open_data(tmp_path).labels == ("zero", "one")
    assert seen(open_data(tmp_path / "train_videofolder.txt").train) == {("a b", 1, 6)}


def test_unusable_clips_are_named_and_left_out(tmp_path, frames):
    write_folders(tmp_path, 2)
    (tmp_path / "left" / "empty.avi").write_bytes(b"")
    whole = write_clip(tmp_path / "whole.mp4", frames).read_bytes()
    (tmp_path / "left" / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "left" / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    write_clip(tmp_path / "right" / "single.avi", frames[:1])
    (tmp_path / "right" / "nothing").mkdir()
    write_clip(tmp_path / "right" / "broken", frames)
    (tmp_path / "right" / "broken" / "00003.jpg").write_bytes(b"")
    data = open_data(tmp_path)
    reasons = {problem.entry.path.name: problem.reason for problem in data.problems}
    assert reasons == {
        "empty.avi": "is an empty file",
        "noise.mp4": "cannot be decoded",
        "cut.mp4": "cannot be decoded",
        "single.avi": "has one frame; two are the least",
        "nothing": "has no frames",
        "broken": "00003.jpg cannot be decoded",
    }
    assert len(data.train) == 4
    with pytest.raises(DataError, match=r"6 of 10 clips cannot be used: .*; and 1 more"):
        open_data(tmp_path, strict=True)


def test_wrong_labels_and_missing_clips_are_named_with_their_line(tmp_path, frames):
    write_clip(tmp_path / "1", frames)
    write_clip(tmp_path / "2", frames)
    (tmp_path / "labels.csv").write_text("wave\n")
    (tmp_path / "train.csv").write_text("1;wave\n2;waev\n3;wave\n2\n")
    problems = [problem.sentence for problem in open_data(tmp_path).problems]
    assert len(problems) == 3
    assert problems[0].endswith("train.csv:2): 'waev' is none of the 1 classes")
    assert problems[1].endswith("train.csv:3): is missing")
    assert problems[2].endswith("train.csv:4): no label is none of the 1 classes")


def test_fewer_pictures_than_listed_are_a_problem(tmp_path, frames):
    write_clip(tmp_path / "a", frames)
    (tmp_path / "train.txt").write_text("a 9 0\n")
    with pytest.raises(DataError, match="has 6 of the 9 pictures"):
        open_data(tmp_path)


@pytest.mark.parametrize("content", [{}, {"notes.txt": "hello"}, {"sub/notes.md": "x"}, {"a.csv": "1,2"}])
def test_no_layout_is_one_line(tmp_path, content):
    for name, text in content.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match="has no layout that is known; expected a folder per class") as caught:
        open_data(tmp_path)
    assert "\n" not in str(caught.value)


def test_absent_data_and_foreign_files_are_one_line(tmp_path):
    with pytest.raises(DataError, match=r"no data at .*; expected"):
        open_data(tmp_path / "absent")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DataError, match=r"is no list of clips; expected"):
        open_data(tmp_path / "x.json")
    (tmp_path / "train.txt").write_text("a 1 2\nb 1\n")
    with pytest.raises(DataError, match=r"train.txt:2: 'b 1' is not `path num_frames label`"):
        open_data(tmp_path)


def test_split_is_by_class_by_seed_and_complete(tmp_path):
    clips = open_data(write_folders(tmp_path, 10, ("left", "right", "up"))).train
    train, validation = split_clips(clips, 0.2, seed=1)
    assert sorted(clip.label for clip in validation) == [0, 0, 1, 1, 2, 2]
    assert set(train) | set(validation) == set(clips)
    assert not set(train) & set(validation)
    assert split_clips(clips, 0.2, seed=1) == (train, validation)
    assert split_clips(clips, 0.2, seed=2)[1] != validation
    assert split_clips(clips, 0.0, seed=1) == (clips, ())


def test_frames_come_in_the_order_asked_for(tmp_path):
    levels = np.array([10, 60, 110, 160, 210], np.uint8)
    grey = np.broadcast_to(levels[:, None, None, None], (5, 40, 60, 3))
    for path in (write_clip(tmp_path / "v.avi", grey), write_clip(tmp_path / "p", grey)):
        frames = read_frames(path, [3, 0, 3, 99], short_side=20)
        assert frames.shape == (4, 20, 30, 3)
        assert np.abs(frames.mean((1, 2, 3)) - [160, 10, 160, 210]).max() <= 2
        assert len(read_frames(path)) == 5


def test_frames_are_red_first(tmp_path):
    blue_green_red = np.broadcast_to(np.array([0, 0, 200], np.uint8), (3, 32, 32, 3))
    for path in (write_clip(tmp_path / "v.avi", blue_green_red), write_clip(tmp_path / "p", blue_green_red)):
        assert read_frames(path, [1])[..., 0].mean() > 190
