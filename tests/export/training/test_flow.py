"""Networks on optical flow: where their weights begin, what they learn, how they are kept, and what refuses them."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from moving_shapes import scrolling_texture, write_clip

from tsm_edge.errors import CheckpointError, UsageError
from tsm_edge.export import (
    TrainingOptions,
    build_model,
    compile_bundle,
    export_onnx,
    load_checkpoint,
    save_checkpoint,
    train,
)
from tsm_edge.export.training.initial_weights import for_channels, initial_model
from tsm_edge.export.training.learner import Learner
from tsm_edge.export.training.processes import Process
from tsm_edge.specs import FlowSpec
from tsm_edge.targets import host_target

MODEL = "mobilenetv2-0.5"
LABELS = ("left", "right")


def flow_model(init="random", **settings):
    chosen = {"name": "flow", "model": MODEL, "image_size": 32, "mode": "offline", "flow": FlowSpec()}
    return initial_model(init, LABELS, **chosen | settings)


@pytest.fixture
def flow_file(tmp_path):
    path = tmp_path / "flow.safetensors"
    save_checkpoint(flow_model()[0].eval(), path)
    return path


def test_what_only_motion_tells_apart_is_learned(start, tmp_path):
    """Clips of noise: every frame, and every clip in reverse, is as likely in one class as in the other."""
    rng = np.random.default_rng(0)
    for direction in LABELS:
        for number in range(20):
            path = tmp_path / "clips" / direction / f"{number:02}.avi"
            write_clip(path, scrolling_texture(direction, rng))
    options = TrainingOptions(
        epochs=20,
        batch_size=8,
        num_segments=2,
        image_size=32,
        modality="flow",
        dropout=0,
        ema_decay=0,
        workers=0,
    )
    output = tmp_path / "flow.safetensors"
    report = train(tmp_path / "clips", output, options, init=start, model=MODEL)
    assert report.modality == "flow"
    assert report.validation_accuracy is not None
    assert report.validation_accuracy >= 0.9
    spec = load_checkpoint(output).spec
    assert spec.preprocess.flow == FlowSpec(num_fields=5, method="dis")
    assert spec.input_shape == (1, 10, 32, 32)
    assert spec.trained_shift == "offline"


def test_the_first_convolution_begins_as_the_mean_over_colours(tmp_path):
    rgb = build_model(MODEL, labels=LABELS, image_size=32)
    save_checkpoint(rgb, tmp_path / "rgb.safetensors")
    flow, words = flow_model(tmp_path / "rgb.safetensors")
    ours, theirs = flow.backbone.features[0][0].weight, rgb.backbone.features[0][0].weight
    assert ours.shape == (32, 10, 3, 3)
    for channel in range(10):
        torch.testing.assert_close(ours[:, channel], theirs.sum(1) / 3)
    assert torch.equal(flow.backbone.features[1].conv[0].weight, rgb.backbone.features[1].conv[0].weight)
    assert words.endswith("its first convolution averaged over colours, its classifier kept")
    assert for_channels(theirs, 4).shape == (32, 4, 3, 3)


def test_flow_goes_on_from_flow_and_rgb_does_not(flow_file):
    before = load_checkpoint(flow_file)
    after, words = flow_model(flow_file)
    assert torch.equal(after.backbone.features[0][0].weight, before.backbone.features[0][0].weight)
    assert "averaged" not in words
    with pytest.raises(UsageError, match=r"sees optical flow; give --modality flow"):
        flow_model(flow_file, flow=None)


def test_the_first_convolution_learns_as_fast_as_the_classifier():
    model = flow_model()[0]
    learner = Learner(
        model, TrainingOptions(modality="flow"), Process(device=torch.device("cpu")), num_steps=30
    )
    rates = {
        id(parameter): group["lr"]
        for group in learner._optimizer.param_groups
        for parameter in group["params"]
    }
    backbone = model.backbone
    slow = rates[id(backbone.features[1].conv[0].weight)]
    fast = rates[id(backbone.features[0][0].weight)]
    assert fast == rates[id(backbone.classifier.weight)] == pytest.approx(5 * slow)


def test_a_checkpoint_keeps_what_its_network_sees(flow_file):
    model = load_checkpoint(flow_file)
    clip = torch.rand(1, 4, 10, 32, 32)
    torch.testing.assert_close(flow_model()[0].eval()(clip), model(clip))
    assert load_checkpoint(flow_file, image_size=48).spec.input_shape == (1, 10, 48, 48)


def test_a_checkpoint_that_contradicts_its_tensors_is_refused(tmp_path):
    model = flow_model()[0]
    preprocess = replace(model.spec.preprocess, flow=None)
    model.spec = replace(model.spec, preprocess=preprocess)
    save_checkpoint(model, tmp_path / "wrong.safetensors")
    with pytest.raises(CheckpointError, match=r"describes .* its tensors are .*; save it again"):
        load_checkpoint(tmp_path / "wrong.safetensors")


@pytest.mark.parametrize("road", ["stream", "export", "compile"])
def test_what_streams_refuses_flow_in_one_line(flow_file, tmp_path, road):
    model = load_checkpoint(flow_file)
    roads = {
        "stream": model.streaming,
        "export": lambda: export_onnx(model, tmp_path / "m.onnx"),
        "compile": lambda: compile_bundle(model, host_target(), tmp_path / "bundle"),
    }
    with pytest.raises(
        UsageError, match=r"^flow sees optical flow, of whole clips: it cannot stream"
    ) as error:
        roads[road]()
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["flow.safetensors"]


def test_runs_that_began_before_an_option_existed_go_on(clips, options, tmp_path):
    """A checkpoint of an older version names neither modality nor method."""
    output = tmp_path / "m.safetensors"
    train(clips, output, options, model=MODEL)
    path = tmp_path / "m.training.pt"
    state = torch.load(path, weights_only=True)
    assert state["options"].keys() == asdict(options).keys()
    del state["options"]["modality"], state["options"]["flow_method"]
    torch.save(state, path)
    assert train(clips, output, options, model=MODEL, resume=True).resumed_at == options.epochs
    with pytest.raises(UsageError, match=r"was begun with modality: 'rgb', not 'flow'"):
        train(clips, output, replace(options, modality="flow"), model=MODEL, resume=True)
