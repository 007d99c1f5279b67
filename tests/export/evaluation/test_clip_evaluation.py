from copy import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from moving_shapes import write_folders, write_wide_folders

from tsm_edge.errors import DataError, UsageError
from tsm_edge.export import build_model
from tsm_edge.export.data import open_data
from tsm_edge.export.data.clips import read_frames
from tsm_edge.export.data.sampling import test_indices as middles
from tsm_edge.export.evaluation import PROTOCOLS, ModelScorer, evaluate_clips
from tsm_edge.export.evaluation.clip_evaluation import match_labels
from tsm_edge.export.evaluation.clip_results import summarise
from tsm_edge.runtime.preprocess import Preprocessor

LABELS = ("left", "right", "stop")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return open_data(write_folders(tmp_path_factory.mktemp("clips"), 3))


@pytest.fixture(scope="module")
def model():
    return build_model("mobilenetv2-0.5", labels=LABELS, image_size=32)


def scorer(model, name="m"):
    return ModelScorer(model, name, torch.device("cpu"))


class Fixed:
    """A scorer that answers clip after clip what it is told."""

    takes_any_size = True

    def __init__(self, spec, answers):
        self.name, self.spec = "fixed", spec
        self._answers = iter(answers)

    def scores(self, views):
        return np.array(next(self._answers), np.float32)


def test_scores_are_the_clip_models_on_the_runtimes_pixels(data, model):
    clip = data.train[0]
    seen = {}

    class Spy(ModelScorer):
        def scores(self, views):
            seen.setdefault("views", views)
            seen.setdefault("scores", super().scores(views))
            return seen["scores"]

    evaluate_clips(
        [Spy(model, "m", torch.device("cpu"))], data.train[:1], data.labels, PROTOCOLS["1clip-center"]
    )
    frames = read_frames(clip.path, middles(clip.num_frames, 8)[0].tolist())
    preprocess = Preprocessor(model.spec.preprocess)
    network_input = np.concatenate([preprocess(np.ascontiguousarray(frame[..., ::-1])) for frame in frames])
    with torch.inference_mode():
        expected = model(torch.from_numpy(network_input)[None]).mean((0, 1)).numpy()
    assert seen["views"].shape == (1, 8, 32, 32, 3)
    np.testing.assert_allclose(seen["scores"], expected, rtol=0, atol=1e-4)


def test_counts_of_a_known_case(data, model):
    # Three clips of "left", three of "right"; the answers are left, left, right, stop, right, right.
    answers = np.eye(3)[[0, 0, 1, 2, 1, 1]]
    result = evaluate_clips([Fixed(model.spec, answers)], data.train, data.labels, PROTOCOLS["1clip-center"])
    assert result.num_clips == 6
    assert result.top1 == pytest.approx(4 / 6)
    assert result.top5 == 1
    assert result.confusion == ((2, 1, 0), (0, 2, 1), (0, 0, 0))
    left, right, stop = result.classes
    assert (left.recall, left.precision, left.taken_for) == (pytest.approx(2 / 3), 1.0, "right")
    assert (right.recall, right.precision, right.taken_for) == (
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
        "stop",
    )
    assert (stop.num_clips, stop.recall, stop.precision, stop.taken_for) == (0, None, 0.0, "")
    assert result.weights_note == "untrained weights"


def test_an_ensemble_averages_probabilities(data, model):
    unsure, sure = [[0.0, 0.1, 0.0]] * 6, [[9.0, 0.0, 0.0]] * 6
    together = [Fixed(model.spec, unsure), Fixed(model.spec, sure)]
    result = evaluate_clips(together, data.train, data.labels, PROTOCOLS["1clip-center"])
    assert result.top1 == 0.5
    assert [row[0] for row in result.confusion] == [3, 3, 0]


def test_networks_of_an_ensemble_may_see_different_numbers_of_frames(data, model):
    shapes = []

    class Spy(ModelScorer):
        def scores(self, views):
            shapes.append(views.shape[1])
            return super().scores(views)

    spies = [Spy(model, name, torch.device("cpu")) for name in "ab"]
    clips = data.train[:1]
    result = evaluate_clips(spies, clips, data.labels, PROTOCOLS["1clip-center"], num_segments=[4, 8])
    assert shapes == [4, 8]
    assert result.num_segments == (4, 8)
    other = copy(model)
    other.spec = replace(model.spec, num_segments=5)
    spies[0] = Spy(other, "a", torch.device("cpu"))
    by_default = evaluate_clips(spies, clips, data.labels, PROTOCOLS["1clip-center"])
    assert by_default.num_segments == (5, 8)
    with pytest.raises(UsageError, match="3 numbers of frames for 2 networks"):
        evaluate_clips(spies, clips, data.labels, PROTOCOLS["1clip-center"], num_segments=[4, 8, 16])


@pytest.fixture(scope="module")
def wide_data(tmp_path_factory):
    return open_data(write_wide_folders(tmp_path_factory.mktemp("wide")))


@pytest.mark.parametrize("protocol", ["2clip-full", "10clip-3crop"])
def test_views_of_full_resolution_reach_the_network(data, wide_data, model, protocol):
    shapes = set()

    class Spy(ModelScorer):
        def scores(self, views):
            shapes.add(tuple(views.shape))
            return super().scores(views)

    spy = Spy(model, "m", torch.device("cpu"))
    result = evaluate_clips([spy], wide_data.train, wide_data.labels, PROTOCOLS[protocol], num_segments=[4])
    assert shapes == {(PROTOCOLS[protocol].num_views, 4, 36, 36, 3)}
    assert result.num_clips == 2
    shapes.clear()  # the crops of a square are one
    evaluate_clips([spy], data.train[:2], data.labels, PROTOCOLS[protocol], num_segments=[4])
    assert shapes == {(PROTOCOLS[protocol].num_clips, 4, 36, 36, 3)}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # DataLoader forks, Python 3.12 warns of it
def test_workers_change_nothing(data, model):
    results = [
        evaluate_clips([scorer(model)], data.train, data.labels, PROTOCOLS["1clip-center"], workers=workers)
        for workers in (0, 2)
    ]
    assert results[0] == results[1]


def test_top5_of_more_classes():
    scores = np.tile(np.arange(10, dtype=np.float32), (10, 1))
    result = summarise(
        scores, np.arange(10), [str(i) for i in range(10)], models=("m",), protocol="p", num_segments=(8,)
    )
    assert (result.top1, result.top5) == (0.1, 0.5)


def test_labels_match_by_name_or_by_number():
    assert match_labels(("b", "a"), ("a", "x", "b")) == (2, 0)
    assert match_labels(("class 0", "class 1"), ("a", "b", "c")) == (0, 1)
    with pytest.raises(DataError, match=r"does not know 'wave'; it knows 'a', 'b' and others: 2 in all"):
        match_labels(("a", "wave"), ("a", "b"))


def test_bundles_refuse_frames_of_another_size(data, model):
    bundle = SimpleNamespace(name="dist/b", spec=model.spec, takes_any_size=False)
    with pytest.raises(UsageError, match=r"dist/b takes 32 pixels alone; use 1clip-center"):
        evaluate_clips([bundle], data.train, data.labels, PROTOCOLS["2clip-full"])


def test_ensembles_need_the_same_classes(data, model):
    other = build_model("mobilenetv2-0.5", num_classes=2, image_size=32)
    with pytest.raises(UsageError, match="have different classes"):
        evaluate_clips([scorer(model), scorer(other)], data.train, data.labels, PROTOCOLS["1clip-center"])
