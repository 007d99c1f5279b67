"""The compiled network, frame by frame, is the online clip model."""

import numpy as np
import pytest
import torch

from tsm_edge.export import build_model, compile_bundle, default_model
from tsm_edge.export.models.random_weights import random_clip
from tsm_edge.runtime import Session
from tsm_edge.targets import host_target


def stream_logits(session, clip):
    stream = session.open_stream(smoothing=False)
    return np.stack([stream.step_tensor(frame[None]).logits for frame in clip.numpy()])


def test_every_length_up_to_64_frames(compiled_path, clip, online_logits, assert_close):
    with Session.load(compiled_path) as session:
        streamed = stream_logits(session, clip)
    assert len(online_logits) == 64
    for logits in online_logits:
        assert_close(streamed[: len(logits)], logits)


@pytest.mark.parametrize(
    ("model", "num_frames"),
    [(default_model, 16), (lambda: build_model("resnet18", image_size=32), 8)],
    ids=["default", "resnet18"],
)
def test_whole_networks_compile_strictly_and_stream(tmp_path, assert_close, model, num_frames):
    network = model()
    frames = random_clip(num_frames, network.spec.preprocess.crop_size, torch.Generator().manual_seed(5))
    report = compile_bundle(network, host_target(), tmp_path / "bundle", strict=True)
    with Session.load(report.bundle.path) as session, torch.inference_mode():
        assert_close(stream_logits(session, frames), network.with_mode("online")(frames[None])[0])
