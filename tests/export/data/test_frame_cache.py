import numpy as np
import pytest
from moving_shapes import moving_shape, write_clip

from tsm_edge.export.data import Clip
from tsm_edge.export.data.clips import read_frames
from tsm_edge.export.data.frame_cache import FrameCache, decoded_bytes


@pytest.fixture
def clip(tmp_path):
    path = write_clip(tmp_path / "clip.avi", moving_shape("left", np.random.default_rng(0)))
    return Clip(path=path, label=0, num_frames=12)


def test_copies_are_what_the_video_holds(clip, tmp_path):
    cache, direct = FrameCache(tmp_path / "cache", 40), FrameCache(None, 40)
    wanted = [3, 0, 3, 50]
    expected = read_frames(clip.path, wanted, short_side=40)
    for _ in range(2):
        assert (cache.read(clip, wanted) == expected).all()
    assert (direct.read(clip, wanted) == expected).all()
    (copy,) = (tmp_path / "cache").iterdir()
    assert np.load(copy).nbytes == decoded_bytes([clip], 40)


def test_a_damaged_copy_is_made_anew_and_another_video_gets_its_own(clip, tmp_path):
    cache = FrameCache(tmp_path / "cache", 40)
    before = cache.read(clip, [0])
    (copy,) = (tmp_path / "cache").iterdir()
    copy.write_bytes(copy.read_bytes()[:50])
    assert (cache.read(clip, [0]) == before).all()
    write_clip(clip.path, moving_shape("up", np.random.default_rng(5), num_frames=9))
    assert (cache.read(clip, [0]) != before).any()


def test_a_cache_that_cannot_be_written_costs_time_alone(clip, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert FrameCache(tmp_path / "file" / "cache", 40).read(clip, [1]).shape == (1, 40, 40, 3)


def test_pictures_are_not_copied(tmp_path):
    path = write_clip(tmp_path / "clip", moving_shape("left", np.random.default_rng(0)))
    clip = Clip(path=path, label=0, num_frames=12)
    FrameCache(tmp_path / "cache", 40).read(clip, [0])
    assert not (tmp_path / "cache").exists()
    assert decoded_bytes([clip], 40) == 0
