import cv2
import numpy as np
import pytest
from tiny_video import grey_level, grey_picture

from tsm_edge.errors import SourceError
from tsm_edge.runtime.capture.pictures import Pictures


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 10, 11):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), grey_picture(number * 10))
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_numbers_decide_the_order(folder):
    with Pictures(f"{folder}/frame*.png") as source:
        frames = list(source)
    assert [grey_level(frame.image) for frame in frames] == [10, 20, 100, 110]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    np.testing.assert_allclose([frame.timestamp_s for frame in frames], np.arange(4) / 25)


def test_single_picture_is_one_frame(folder):
    with Pictures(f"{folder}/frame10.png") as source:
        assert [grey_level(frame.image) for frame in source] == [100]


def test_grey_and_transparent_pictures_become_three_channels(folder):
    cv2.imwrite(str(folder / "odd1.png"), grey_picture(50)[..., 0])
    cv2.imwrite(str(folder / "odd2.png"), np.full((48, 64, 4), 50, np.uint8))
    cv2.imwrite(str(folder / "odd3.png"), np.full((48, 64, 3), 50 * 257, np.uint16))
    with Pictures(f"{folder}/odd*.png") as source:
        for frame in source:
            assert (frame.image.shape, frame.image.dtype) == ((48, 64, 3), np.uint8)
            assert grey_level(frame.image) == 50


def test_no_match_is_said(folder):
    with pytest.raises(SourceError, match="quote the pattern"):
        Pictures(f"{folder}/*.webp")


def test_damaged_picture_is_named(folder):
    with Pictures(f"{folder}/*.txt") as source, pytest.raises(SourceError, match=r"notes\.txt"):
        source.read()


def test_closed_source_gives_nothing_more(folder):
    source = Pictures(f"{folder}/*.png")
    source.close()
    assert source.ended
    assert source.read() is None
