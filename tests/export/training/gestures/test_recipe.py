import itertools
import json
import math
from dataclasses import replace

import pytest
import torch

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.errors import TrainingError
from tsm_edge.export.checkpoint import load_checkpoint, save_checkpoint
from tsm_edge.export.data.gestures import CORE_LABELS, GESTURE_LABELS, GestureGenerator, gesture_classes
from tsm_edge.export.data.gestures.footage import Footage
from tsm_edge.export.data.loading import normalised
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.training.gestures import GestureTraining, Plan, Progress, for_streams, recipe, score
from tsm_edge.export.training.gestures.__main__ import main
from tsm_edge.export.training.gestures.clip_supply import ClipSupply, coarse_size, gesture_chances
from tsm_edge.export.training.gestures.dense_heads import DenseHeads
from tsm_edge.export.training.gestures.negatives import NegativeSupply, negative_loss
from tsm_edge.export.training.gestures.streaming import MAX_SQUEEZE
from tsm_edge.export.training.initial_weights import initial_model

PLAN = Plan(clips=16, batch_size=4, size=32, stream_share=0.5, seed=3)
CPU = torch.device("cpu")


def small_model() -> ClipModel:
    return initial_model(
        "random", GESTURE_LABELS, name="small", model="mobilenetv2-0.5", image_size=32, seed=1
    )[0]


def reports_of(training: GestureTraining, **limits: float) -> list[Progress]:
    reports: list[Progress] = []
    training.run(reports.append, every=2, **limits)
    return reports


def test_a_run_that_was_cut_goes_on_to_the_same_weights():
    whole = GestureTraining(small_model(), PLAN, CPU)
    assert [report.step for report in reports_of(whole)] == [2, 4]
    first = GestureTraining(small_model(), PLAN, CPU)
    while first.step < 2:
        reports_of(first, until=0.0)  # one step, then time is up
    second = GestureTraining(small_model(), PLAN, CPU)
    second.load_state_dict(first.state_dict())
    reports_of(second)
    assert second.step == whole.step == 4
    for name, tensor in whole.averaged().items():
        assert torch.equal(tensor, second.averaged()[name]), name


def test_how_often_other_things_are_made_is_no_part_of_what_is_learned(monkeypatch):
    """A bias that holds it already, and a loss that adds nothing, give the same loss."""
    other = GESTURE_LABELS.index("Doing other things")
    (plain,) = reports_of(GestureTraining(small_model(), replace(PLAN, clips=4), CPU))
    biased = small_model()
    biased.backbone.classifier.bias.data[other] += math.log(2)
    monkeypatch.setattr(recipe, "made_too_often", lambda classes, num_classes: torch.zeros(num_classes))
    (same,) = reports_of(GestureTraining(biased, replace(PLAN, clips=4), CPU))
    assert same.loss == pytest.approx(plain.loss, rel=1e-5)
    (without,) = reports_of(GestureTraining(small_model(), replace(PLAN, clips=4), CPU))
    assert abs(without.loss - plain.loss) > 1e-3


def test_a_run_by_the_clock_ends_with_it_and_so_does_its_learning_rate(monkeypatch):
    seconds = itertools.count()
    monkeypatch.setattr(recipe.time, "monotonic", lambda: 2.0 * next(seconds))
    plan = replace(PLAN, clips=4, lr_minutes=1.0, warmup=0.1)  # two or four seconds a step
    first = GestureTraining(small_model(), plan, CPU)
    rates = []
    while first.share < 0.5:
        first.run(lambda _: None, until=0.0)
        rates.append(first._optimizer.param_groups[0]["lr"])
    second = GestureTraining(small_model(), plan, CPU)
    second.load_state_dict(first.state_dict())
    assert second.share == first.share and not second.run(lambda _: None, until=0.0)
    while not second.run(lambda _: None, until=0.0):
        rates.append(second._optimizer.param_groups[0]["lr"])
    assert second.share == 1 and 15 <= second.step <= 30
    top = max(range(len(rates)), key=rates.__getitem__)
    assert 0 < top < 5 and rates[top] == pytest.approx(plan.lr, rel=0.05)
    assert rates[top:] == sorted(rates[top:], reverse=True) and rates[-1] < 0.1 * plan.lr


def test_another_plan_is_refused():
    state = GestureTraining(small_model(), PLAN, CPU).state_dict()
    other = GestureTraining(small_model(), Plan(clips=16, batch_size=4, size=32, seed=4), CPU)
    with pytest.raises(TrainingError, match="another s"):
        other.load_state_dict(state)


def test_a_run_of_before_a_setting_came_goes_on():
    state = GestureTraining(small_model(), PLAN, CPU).state_dict()
    del state["plan"]["bfloat16"]
    GestureTraining(small_model(), PLAN, CPU).load_state_dict(state)


def test_other_labels_are_refused():
    model = initial_model("random", ("a", "b"), name="two", model="mobilenetv2-0.5", image_size=32)[0]
    with pytest.raises(TrainingError, match="'a' is no made gesture"):
        GestureTraining(model, PLAN, CPU)
    resnet = initial_model("random", GESTURE_LABELS, name="other", model="resnet18", image_size=32)[0]
    with pytest.raises(TrainingError, match="by a MobileNetV2"):
        GestureTraining(resnet, PLAN, CPU)


def test_frozen_layers_stay_and_others_learn():
    model = small_model()
    before = {name: tensor.clone() for name, tensor in model.backbone.state_dict().items()}
    training = GestureTraining(model, replace(PLAN, frozen_layers=3), CPU)
    reports_of(training)
    moved = {name for name, tensor in training.averaged().items() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith(("features.0.", "features.1.", "features.2.")) for name in moved)
    assert "features.3.conv.0.weight" in moved and "features.3.conv.1.running_mean" in moved


def test_frozen_norms_stay_while_their_scales_learn():
    model = small_model()
    before = {name: tensor.clone() for name, tensor in model.backbone.state_dict().items()}
    training = GestureTraining(model, replace(PLAN, freeze_norms=True), CPU)
    assert all(report.loss < float("inf") for report in reports_of(training))
    moved = {name for name, tensor in training.averaged().items() if not torch.equal(tensor, before[name])}
    assert not any("running" in name or "tracked" in name for name in moved)
    assert {"features.3.conv.0.weight", "features.3.conv.1.weight", "classifier.weight"} <= moved


def test_a_plan_in_sixteen_bits_learns_much_the_same():
    plan = replace(PLAN, freeze_norms=True)
    whole, half = (
        reports_of(GestureTraining(small_model(), replace(plan, bfloat16=short), CPU))
        for short in (False, True)
    )
    for expected, found in zip(whole, half, strict=True):
        assert found.loss == pytest.approx(expected.loss, rel=0.02) and found.loss != expected.loss


def test_a_plan_with_background_learns():
    reports = reports_of(
        GestureTraining(small_model(), replace(PLAN, background_weight=0.5, stream_share=1.0), CPU)
    )
    assert all(report.loss < float("inf") for report in reports)


def test_footage_is_learned_to_be_no_gesture():
    """The same run with footage ends with less of a gesture in it."""
    still = torch.randint(0, 255, (1, 3, 144, 192), generator=torch.Generator().manual_seed(1))
    footage = Footage(still.to(torch.uint8), torch.tensor([0, 1]))
    plan = replace(PLAN, clips=400, lr=3e-3, negatives=1.0, stream_share=0.0)
    clips = NegativeSupply(footage, plan, CPU).clips(10**6, torch.arange(4)[None].repeat(8, 1) / 4, 32)
    losses = []
    for given in (None, footage):
        training = GestureTraining(small_model(), plan, CPU, footage=given)
        training.run(lambda _: None)
        model = training.model.eval()
        with torch.no_grad():
            logits = model(normalised(clips.permute(0, 1, 3, 4, 2), model.spec.preprocess))
        losses.append(float(negative_loss(logits, torch.tensor([0, 1]))))
    assert losses[1] < 0.5 * losses[0]


def test_coarse_clips_are_enlarged_to_the_size():
    plan = replace(PLAN, coarse_share=1.0, size=64)
    classes = gesture_classes(GESTURE_LABELS)
    assert ClipSupply(plan, CPU, None, "train", classes).batch(0).clips.shape[-1] == 32
    assert coarse_size(112) == 56 and coarse_size(224) == 112
    training = GestureTraining(small_model(), plan, CPU)
    assert all(report.loss < float("inf") for report in reports_of(training))


def test_gestures_without_a_class_are_other_things():
    assert gesture_classes(GESTURE_LABELS).tolist() == list(range(16))
    assert gesture_classes(GESTURE_LABELS[:11]).tolist() == [*range(11), 1, 1, 1, 1, 1]
    model = initial_model("random", CORE_LABELS, name="core", model="mobilenetv2-0.5", image_size=32)[0]
    assert len(reports_of(GestureTraining(model, PLAN, CPU))) == 2
    assert set(score(model, GestureGenerator("held-out", num_frames=2, size=32), 22).recall) == set(
        CORE_LABELS
    )
    with pytest.raises(TrainingError, match="'Doing other things' is missing"):
        gesture_classes(("Thumb Up", "Stop Sign"))


def test_every_class_is_made_alike_often_and_other_things_thrice():
    sixteen = torch.full((16,), 1 / 18).index_fill(0, torch.tensor(1), 3 / 18)
    torch.testing.assert_close(gesture_chances(gesture_classes(GESTURE_LABELS)), sixteen)
    chances = gesture_chances(gesture_classes(CORE_LABELS))
    eleven = torch.full((11,), 1 / 13).index_fill(0, torch.tensor(1), 1.5 / 13)
    torch.testing.assert_close(chances, torch.cat((eleven, torch.full((5,), 0.3 / 13))))
    plan = replace(PLAN, batch_size=256, stream_share=0.0)
    made = ClipSupply(plan, CPU, None, "train", gesture_classes(CORE_LABELS)).batch(0).labels
    assert 8 < (made == 0).sum() < 38 and 38 < (made[:, None] == torch.tensor([1, *range(11, 16)])).sum() < 82


def test_heads_learn_what_features_tell():
    """Features that hold a frame's hand centre are read within some steps."""
    _, dense = GestureGenerator("train", num_frames=8, size=32).describe(0, 64)
    torch.manual_seed(0)
    features = torch.cat((dense.centre * 2 - 1, dense.presence[..., None], dense.flexion[..., None]), dim=-1)
    heads = DenseHeads(4)
    optimizer = torch.optim.Adam(heads.parameters(), lr=0.05)
    before = heads.centre_error(features, dense)
    for _ in range(200):
        optimizer.zero_grad()
        heads.loss(features, dense).backward()
        optimizer.step()
    assert heads.centre_error(features, dense) < 0.1 * before


def test_scores_of_a_model_that_knows_nothing_are_chance():
    scores = score(small_model(), GestureGenerator("held-out", num_frames=2, size=32), 64)
    assert scores.all < 0.3
    assert 0 <= scores.pairs <= 1 and set(scores.recall) == set(GESTURE_LABELS)


def test_command_trains_stops_and_goes_on(tmp_path, capsys):
    output = tmp_path / "model.safetensors"
    command = ["--output", output, "--clips", 8, "--batch-size", 4, "--size", 32, "--score-clips", 16]
    for minutes in (["--minutes", 1e-9], []):
        with pytest.raises(SystemExit) as ended:
            run_and_exit(main, [str(word) for word in [*command, *minutes]], "gestures")
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "going on at step 1 of 2" in said
    assert json.loads(said.splitlines()[-1])["step"] == 2
    spec = load_checkpoint(output).spec
    assert spec.labels == GESTURE_LABELS
    assert spec.preprocess.resize_short_side == spec.preprocess.crop_size == 32


def test_how_streams_are_read_goes_with_the_weights(tmp_path):
    """Into what learns from them too; its own labels say what its background is."""
    model = small_model()
    assert model.spec.max_fps is None
    model.spec = for_streams(model.spec)
    assert model.spec.smoothing.background == GESTURE_LABELS[:2]
    save_checkpoint(model, tmp_path / "made.safetensors")
    own, _ = initial_model(
        tmp_path / "made.safetensors", ("nothing", "wave"), name="own", model=None, image_size=32
    )
    assert (own.spec.max_fps, own.spec.interleave) == (model.spec.max_fps, 2)
    assert own.spec.preprocess.max_squeeze == model.spec.preprocess.max_squeeze == MAX_SQUEEZE
    assert own.spec.smoothing == replace(model.spec.smoothing, background=("nothing",))
