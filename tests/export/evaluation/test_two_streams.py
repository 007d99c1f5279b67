"""RGB and optical flow together: each model sees its own modality, and their probabilities are averaged."""

import numpy as np
import pytest
import torch
from moving_shapes import write_folders, write_wide_folders

from tsm_edge.errors import UsageError
from tsm_edge.export import build_model
from tsm_edge.export.data import open_data
from tsm_edge.export.data.frame_cache import FrameCache
from tsm_edge.export.evaluation import PROTOCOLS, ModelScorer, evaluate_clips
from tsm_edge.export.evaluation.fusion import fused, weight_parts
from tsm_edge.export.training.initial_weights import initial_model
from tsm_edge.specs import FlowSpec

LABELS = ("left", "right", "stop")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return open_data(write_folders(tmp_path_factory.mktemp("clips"), 3))


class Recording(ModelScorer):
    """A scorer that keeps what it saw and answered."""

    def __init__(self, model, name):
        super().__init__(model, name, torch.device("cpu"))
        self.views, self.answers = [], []

    def scores(self, views):
        self.views.append(views)
        self.answers.append(super().scores(views))
        return self.answers[-1]


@pytest.fixture
def streams():
    rgb = build_model("mobilenetv2-0.5", labels=LABELS, image_size=32)
    settings = {"name": "flow", "model": "mobilenetv2-0.5", "image_size": 32, "mode": "offline"}
    flow, _ = initial_model("random", LABELS, flow=FlowSpec(), **settings)
    torch.nn.init.normal_(flow.backbone.classifier.weight, generator=torch.Generator().manual_seed(1))
    return Recording(rgb, "rgb"), Recording(flow.eval(), "flow")


def test_both_streams_and_their_weighted_average_are_reported(data, streams):
    rgb, flow = streams
    result = evaluate_clips(
        streams,
        data.train,
        data.labels,
        PROTOCOLS["1clip-center"],
        num_segments=[4, 2],
        weights=[1, 1.5],
    )
    assert {tuple(views.shape) for views in rgb.views} == {(1, 4, 32, 32, 3)}
    assert {tuple(views.shape) for views in flow.views} == {(1, 2, 32, 32, 10)}
    truth = [0, 0, 0, 1, 1, 1]
    by_hand = []
    for one, other in zip(rgb.answers, flow.answers, strict=True):
        p, q = np.exp(one) / np.exp(one).sum(), np.exp(other) / np.exp(other).sum()
        by_hand.append(int(np.argmax((1 * p + 1.5 * q) / 2.5)))
    assert result.top1 == pytest.approx(np.mean(np.array(by_hand) == truth))
    assert np.array(result.confusion).sum(0).tolist() == np.bincount(by_hand, minlength=3).tolist()
    for member, stream, weight, frames in zip(result.members, streams, (0.4, 0.6), (4, 2), strict=True):
        assert member.top1 == pytest.approx(np.mean([a.argmax() for a in stream.answers] == np.array(truth)))
        assert member.top5 == 1
        assert (member.model, member.num_segments) == (stream.name, frames)
        assert member.weight == pytest.approx(weight)
    assert [member.modality for member in result.members] == ["rgb", "flow"]


def test_fused_scores_are_the_weighted_average_of_probabilities():
    logits = np.log(np.array([[[0.7, 0.2, 0.1]], [[0.1, 0.3, 0.6]]], np.float32)) + 5
    parts = weight_parts([1, 3], 2)
    np.testing.assert_allclose(fused(logits, parts), [[0.25, 0.275, 0.475]], atol=1e-6)
    np.testing.assert_allclose(fused(logits, weight_parts([], 2)), [[0.4, 0.25, 0.35]], atol=1e-6)
    assert (fused(logits[:1], weight_parts([2], 1)) == logits[0]).all()


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [1, 0], [1, -1]])
def test_weights_that_do_not_fit_get_one_line(weights):
    with pytest.raises(UsageError, match=r"for 2 networks; give one above 0 for each"):
        weight_parts(weights, 2)


def test_flow_has_views_of_full_resolution_too(tmp_path, streams):
    _, flow = streams
    data = open_data(write_wide_folders(tmp_path))
    clip = data.train[0]
    evaluate_clips([flow], [clip], data.labels, PROTOCOLS["2clip-full"], num_segments=[2])
    (views,) = flow.views
    assert views.shape == (6, 2, 36, 36, 10)
    # 12 frames leave 7 places: the middles 1 and 5, then the beginnings 0 and 3, three crops of each.
    stacks = FrameCache(None, 36, FlowSpec()).read(clip, [1, 5, 0, 3])
    assert stacks.shape == (4, 36, 72, 10)
    for crop, left in enumerate((0, 18, 36)):
        seen = views.numpy()[[crop, 3 + crop]].reshape(4, 36, 36, 10)
        assert (seen == stacks[:, :, left : left + 36]).all()
