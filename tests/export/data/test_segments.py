"""Clips that are parts of longer recordings, as Assembly101's lists name them: `path start num_frames label`."""

import numpy as np
import pytest
from moving_shapes import moving_shape, write_clip

from tsm_edge.errors import DataError
from tsm_edge.export.data import Clip, open_data, read_frames
from tsm_edge.export.data.frame_cache import FrameCache, decoded_bytes
from tsm_edge.export.evaluation.labelled_streams import joined_clips
from tsm_edge.specs import FlowSpec

NAMES = {"video": "view.avi", "pictures": "view"}


@pytest.fixture(params=NAMES)
def data(request, tmp_path):
    write_clip(
        tmp_path / "sequence" / NAMES[request.param], moving_shape("left", np.random.default_rng(0), 20)
    )
    (tmp_path / "category.txt").write_text("attach wheel\nremove wheel\n")
    (tmp_path / "validation.txt").write_text(
        "sequence/view 1 8 0\nsequence/view 9 12 1\nsequence/view 14 8 1\nsequence/view 3 1 0\n"
    )
    return open_data(tmp_path)


def test_parts_of_a_recording_are_clips(data):
    assert data.labels == ("attach wheel", "remove wheel")
    clips = data.validation or data.train
    assert [(clip.first_frame, clip.num_frames, clip.label) for clip in clips] == [(0, 8, 0), (8, 12, 1)]
    assert [problem.reason for problem in data.problems] == [
        "ends at frame 21 of a recording of 20",
        "has one frame; two are the least",
    ]


def test_frames_are_those_of_the_part(data, tmp_path):
    clip = (data.validation or data.train)[1]
    whole = read_frames(clip.path, short_side=40)
    expected = whole[[8, 11, 19, 19]]  # beyond the part's end its last one
    for directory in (None, tmp_path / "cache", tmp_path / "cache"):
        assert (FrameCache(directory, 40).read(clip, [0, 3, 11, 15]) == expected).all()
    if not clip.path.is_dir():
        (copy,) = (tmp_path / "cache").iterdir()
        assert np.load(copy).nbytes == decoded_bytes([clip], 40)


def test_flow_is_that_of_the_part(data, tmp_path):
    first, second = data.validation or data.train
    flow = FlowSpec(num_fields=2)
    whole = FrameCache(None, 40, flow).read(Clip(path=second.path, label=0, num_frames=20), [8, 12])
    for directory in (None, tmp_path / "cache", tmp_path / "cache"):
        cache = FrameCache(directory, 40, flow)
        assert (cache.read(second, [0, 4]) == whole).all()
        assert (cache.read(first, [0]) != whole[:1]).any()


def test_parts_are_no_streams(data):
    with pytest.raises(DataError, match="the data lists parts of recordings; for --protocol stream give"):
        joined_clips(data.validation or data.train, data.labels, (), seed=0)


def test_a_number_that_belongs_to_the_path_stays_there(tmp_path):
    write_clip(tmp_path / "clip 2", moving_shape("left", np.random.default_rng(0)))
    (tmp_path / "list.txt").write_text("clip 2 12 0\n")
    (clip,) = open_data(tmp_path / "list.txt").train
    assert (clip.path.name, clip.first_frame, clip.num_frames) == ("clip 2", None, 12)
