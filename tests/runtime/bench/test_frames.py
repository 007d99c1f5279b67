from itertools import islice

import numpy as np
import pytest

from tsm_edge.errors import SourceError
from tsm_edge.runtime.bench.frames import NUM_DISTINCT, VideoFrames, frames_of, noise_frames


def test_noise_is_the_same_for_the_same_seed(tiny):
    spec = tiny.manifest.model
    first, again, other = (list(islice(noise_frames(spec, seed), 3)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_is_network_input_without_end(tiny):
    spec = tiny.manifest.model
    frames = list(islice(noise_frames(spec), NUM_DISTINCT + 1))
    assert frames[0] is frames[NUM_DISTINCT]
    for frame in frames:
        assert frame.shape == spec.input_shape
        assert frame.dtype == np.float32
        assert frame.flags.c_contiguous
    darkest, brightest = ((value - spec.preprocess.mean[0]) / spec.preprocess.std[0] for value in (0, 1))
    red = np.stack(frames)[:, 0, 0]
    assert (red.min(), red.max()) == (pytest.approx(darkest), pytest.approx(brightest))


def test_video_starts_again_at_its_end_and_is_timed(tiny, video):
    with frames_of(tiny.manifest.model, str(video)) as frames:
        assert isinstance(frames, VideoFrames)
        taken = list(islice(frames, 25))  # the video has twelve
        np.testing.assert_array_equal(taken[0], taken[12])
        np.testing.assert_array_equal(taken[0], taken[24])
        assert not np.array_equal(taken[0], taken[1])
        assert len(frames.decode_ms) == len(frames.preprocess_ms) == 25
        frames.forget_timings()
        assert frames.decode_ms == frames.preprocess_ms == []


def test_missing_video_is_one_line(tiny, tmp_path):
    with (
        pytest.raises(SourceError, match=r"no video at .*none\.mp4"),
        frames_of(tiny.manifest.model, str(tmp_path / "none.mp4")),
    ):
        pass


def test_video_that_vanishes_is_an_error(tiny, video, tmp_path):
    copy = tmp_path / "copy.avi"
    copy.write_bytes(video.read_bytes())
    with frames_of(tiny.manifest.model, str(copy)) as frames:
        next(frames)
        copy.unlink()
        with pytest.raises(SourceError):
            list(islice(frames, 30))
