"""The parts of a step by themselves: learning rate, average, precision."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tsm_edge.errors import TrainingError, UsageError
from tsm_edge.export import TrainingOptions
from tsm_edge.export.training.learner import Learner
from tsm_edge.export.training.moving_average import MovingAverage
from tsm_edge.export.training.processes import Process
from tsm_edge.export.training.schedule import cosine_factor

CPU = Process(device=torch.device("cpu"))


@given(st.integers(2, 300), st.data())
def test_the_rate_rises_to_one_and_falls_to_nothing(num_steps, data):
    warmup = data.draw(st.integers(0, num_steps - 1))
    factors = [cosine_factor(step, num_steps, warmup) for step in range(num_steps + 1)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert factors[:warmup] == sorted(factors[:warmup])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    assert factors[warmup] == 1
    assert factors[-1] == pytest.approx(0, abs=1e-12)


def test_the_average_follows_and_counts():
    module = nn.BatchNorm1d(2)
    average = MovingAverage(module, decay=0.99)
    with torch.no_grad():
        for value in (1.0, 2.0):
            module.weight.fill_(value)
            module.num_batches_tracked += 1
            average.update(module)
    # Began at 1; decays 1/10 and 2/11 of a short run.
    assert average.tensors["weight"].tolist() == pytest.approx([2 / 11 + 2 * 9 / 11] * 2)
    assert average.tensors["num_batches_tracked"] == 2


def step_of(tiny, **settings):
    model = copy.deepcopy(tiny)
    learner = Learner(model, TrainingOptions(epochs=1, **settings), CPU, num_steps=3)
    torch.manual_seed(0)
    clips = torch.randint(0, 256, (4, 4, 32, 32, 3), dtype=torch.uint8)
    losses = [learner.step(clips, torch.tensor([0, 1, 2, 0]))[0] for _ in range(3)]
    return losses, model


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_steps_bring_the_loss_down(tiny, optimizer):
    losses, _ = step_of(tiny, optimizer=optimizer, lr=0.05, dropout=0)
    assert losses[-1] < losses[0]


def test_half_precision_learns_the_same_but_for_rounding(tiny):
    exact, _ = step_of(tiny, lr=0.01, dropout=0)
    rounded, model = step_of(tiny, lr=0.01, dropout=0, precision="bf16")
    # bfloat16 has 8 bits of mantissa.
    assert rounded == pytest.approx(exact, rel=0.05)
    assert rounded != exact
    assert all(tensor.dtype == torch.float32 for tensor in model.parameters())


def test_frozen_norms_stay_and_the_loss_comes_down_without_their_statistics(tiny):
    before = {name: buffer.clone() for name, buffer in tiny.named_buffers()}
    model = copy.deepcopy(tiny)
    options = TrainingOptions(epochs=1, lr=0.05, dropout=0)
    learner = Learner(model, options, CPU, num_steps=3, freeze_norms=True)
    torch.manual_seed(0)
    clips = torch.randint(0, 256, (4, 4, 32, 32, 3), dtype=torch.uint8)
    losses = [learner.step(clips, torch.tensor([0, 1, 2, 0]))[0] for _ in range(3)]
    assert losses[-1] < losses[0]
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def test_dropout_reaches_a_network_with_frozen_norms(tiny):
    def first_loss(dropout: float) -> float:
        options = TrainingOptions(epochs=1, dropout=dropout)
        learner = Learner(copy.deepcopy(tiny), options, CPU, num_steps=3, freeze_norms=True)
        torch.manual_seed(0)
        clips = torch.randint(0, 256, (4, 4, 32, 32, 3), dtype=torch.uint8)
        return learner.step(clips, torch.tensor([0, 1, 2, 0]))[0]

    assert first_loss(0.5) != first_loss(0.0)


def test_a_loss_that_is_no_number_stops_the_run(tiny):
    with torch.no_grad():
        tiny.backbone.classifier.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="the loss became nan in step 0; give a smaller --lr"):
        step_of(tiny)


def test_norms_and_biases_do_not_decay_and_the_classifier_learns_faster(tiny):
    learner = Learner(tiny, TrainingOptions(epochs=1, lr=0.01), CPU, num_steps=3)
    groups = {
        id(parameter): group for group in learner._optimizer.param_groups for parameter in group["params"]
    }
    backbone = tiny.backbone
    assert groups[id(backbone.classifier.weight)]["lr"] == pytest.approx(0.05)
    assert groups[id(backbone.stem.weight)]["weight_decay"] > 0
    assert groups[id(backbone.stem_norm.weight)]["weight_decay"] == 0
    assert groups[id(backbone.classifier.bias)]["weight_decay"] == 0


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"lr": -1}, {"dropout": 1}, {"batch_size": 0}])
def test_settings_out_of_range_are_one_line(settings):
    (name,) = settings
    with pytest.raises(UsageError, match=name.replace("_", " ")):
        TrainingOptions(**settings)
