import pytest
import torch

from tsm_edge.export import default_model
from tsm_edge.export.models.random_weights import random_clip


@pytest.fixture(params=["mobilenet", "resnet"])
def model(request):
    return request.getfixturevalue(request.param)


def run(model, frames):
    with torch.inference_mode():
        return model(frames[None])[0]


def test_streaming_is_the_online_clip_model_at_every_length(
    mobilenet, clip, online_logits, stream_torch, assert_close
):
    streamed = stream_torch(mobilenet, clip)
    for logits in online_logits:
        assert_close(streamed[: len(logits)], logits)


@pytest.mark.parametrize("num_segments", [1, 2, 9])
def test_streaming_is_the_online_clip_model_for_resnet(
    resnet, clip, num_segments, stream_torch, assert_close
):
    frames = clip[:num_segments]
    assert_close(stream_torch(resnet, frames), run(resnet, frames))


def test_streaming_is_the_online_clip_model_in_full_size(stream_torch, assert_close):
    model, frames = default_model(), random_clip(4, 224, torch.Generator().manual_seed(1))
    assert_close(stream_torch(model, frames), run(model, frames))


def test_streaming_view_of_an_offline_model_is_online(model, clip, stream_torch, assert_close):
    offline, frames = model.with_mode("offline"), clip[:5]
    assert_close(stream_torch(offline, frames), run(model, frames))


def test_online_rows_do_not_see_the_future_and_offline_rows_do(model, clip):
    frames, changed = clip[:4], clip[:4].clone()
    changed[3] += 1
    online, offline = model, model.with_mode("offline")
    assert torch.equal(run(online, frames)[:3], run(online, changed)[:3])
    assert not torch.allclose(run(offline, frames)[2], run(offline, changed)[2], atol=1e-3)


def test_a_frame_is_remembered_for_longer_than_one_step(model, clip):
    """Each shifted block passes on what the ones before it took from the past."""
    frames, changed = clip[:4], clip[:4].clone()
    changed[0] += 1
    assert not torch.allclose(run(model, frames)[3], run(model, changed)[3], atol=1e-3)


def test_clips_of_a_batch_do_not_touch_each_other(model, clip, assert_close):
    clips = clip[:6].reshape(2, 3, *clip.shape[1:])
    with torch.inference_mode():
        together = model(clips)
    assert_close(together, torch.stack([run(model, frames) for frames in clips]))


def test_interleaved_streams_do_not_touch_each_other(model, clip, stream_torch, assert_close):
    streaming, streams = model.streaming(), (clip[:5], clip[5:10])
    states = [streaming.initial_state() for _ in streams]
    logits = [[], []]
    with torch.inference_mode():
        for t in range(5):
            for i, frames in enumerate(streams):
                answer, *states[i] = streaming(frames[t][None], *states[i])
                logits[i].append(answer[0])
    for answers, frames in zip(logits, streams, strict=True):
        assert_close(torch.stack(answers), stream_torch(model, frames))


def test_all_views_share_one_set_of_weights(model):
    assert model.with_mode("offline").backbone is model.backbone
    assert model.streaming().backbone is model.backbone


def test_state_has_the_shapes_of_the_spec(model, clip):
    streaming = model.streaming()
    state = streaming.initial_state()
    assert tuple(tuple(buffer.shape) for buffer in state) == model.spec.state.shapes
    with torch.inference_mode():
        logits, *next_state = streaming(clip[:1], *state)
    assert logits.shape == (1, model.spec.num_classes)
    assert tuple(tuple(buffer.shape) for buffer in next_state) == model.spec.state.shapes


def test_gradients_pass_the_shift_back_in_time(model, clip):
    frames = clip[:3].clone().requires_grad_()
    model(frames[None])[0, 2].sum().backward()
    assert (frames.grad.abs().amax((1, 2, 3)) > 0).all()
