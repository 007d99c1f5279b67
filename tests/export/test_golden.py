import numpy as np
import torch

from tsm_edge.export.golden import NUM_FRAMES, golden_frames, golden_logits
from tsm_edge.runtime.preprocess import normalise


def test_frames_are_pictures_that_move_and_the_same_every_time(small):
    frames = golden_frames(small.spec)
    assert frames.dtype == np.uint8
    assert frames.shape == (NUM_FRAMES, 32, 32, 3)
    assert frames.min() < 10
    assert frames.max() > 245
    steps = np.abs(np.diff(frames.astype(int), axis=0)).mean((1, 2, 3))
    assert steps.min() > 20
    np.testing.assert_array_equal(golden_frames(small.spec), frames)


def test_frames_follow_the_networks_size(spec):
    _, _, height, width = spec.input_shape
    assert golden_frames(spec).shape == (NUM_FRAMES, height, width, 3)


def test_logits_are_those_of_the_streamed_network(small, small_onnx, stream_torch, assert_close):
    frames = golden_frames(small.spec)
    # As the device normalises them; were the two to differ, replays would.
    inputs = np.concatenate([normalise(frame, small.spec.preprocess) for frame in frames])
    logits = golden_logits(small_onnx, small.spec, frames)
    assert logits.dtype == np.float32
    assert_close(logits, stream_torch(small, torch.from_numpy(inputs)))


def test_frames_tell_a_lost_state_from_a_kept_one(small, small_onnx):
    frames = golden_frames(small.spec)
    streamed = golden_logits(small_onnx, small.spec, frames)
    alone = np.concatenate([golden_logits(small_onnx, small.spec, frame[None]) for frame in frames])
    np.testing.assert_array_equal(streamed[0], alone[0])
    assert np.abs(streamed - alone)[1:].max(1).min() > 1e-3 * np.abs(streamed).max()
