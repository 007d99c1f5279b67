import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from tsm_edge.errors import UsageError
from tsm_edge.export import build_model, default_model, save_checkpoint
from tsm_edge.export.models.mobilenet_v2 import InvertedResidual
from tsm_edge.export.training.initial_weights import initial_model
from tsm_edge.export.training.shift_direction import exchange_shifted_channels

LABELS = ("a", "b", "c")


class NestedBlock(nn.Module):
    """An inverted residual as torchvision nests it: each but the last convolution with its norm and activation."""

    def __init__(self, ours: InvertedResidual) -> None:
        super().__init__()
        *inner, conv, norm = ours.conv
        groups = [nn.Sequential(*inner[i : i + 3]) for i in range(0, len(inner), 3)]
        self.conv = nn.Sequential(*groups, conv, norm)


class NestedNetwork(nn.Module):
    def __init__(self, ours) -> None:
        super().__init__()
        blocks = [NestedBlock(b) if isinstance(b, InvertedResidual) else b for b in ours.features]
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(ours.classifier.in_features, 1000))


def backbone_tensors(model):
    tensors = model.backbone.state_dict()
    counters = "num_batches_tracked"  # which no result depends on
    return {
        name: tensors[name] for name in tensors if not name.startswith("classifier.") and counters not in name
    }


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_torchvisions_mobilenet_is_read(tmp_path):
    ours = build_model("mobilenetv2", seed=4)
    tensors = NestedNetwork(ours.backbone).state_dict()
    assert {"features.1.conv.0.0.weight", "features.2.conv.1.0.weight", "features.2.conv.2.weight"} <= set(
        tensors
    )
    torch.save(tensors, tmp_path / "mobilenet_v2-b0353104.pth")
    model, words = initial_model(tmp_path / "mobilenet_v2-b0353104.pth", LABELS, name="m", image_size=32)
    assert_equal(backbone_tensors(model), backbone_tensors(ours))
    assert model.backbone.classifier.weight.shape == (3, 1280)
    assert "a new classifier" in words


def test_what_was_learned_online_goes_on_offline_with_its_past(tmp_path):
    online = build_model("mobilenetv2-0.5", labels=LABELS, image_size=32, seed=4)
    online.spec = replace(online.spec, trained=True)
    path = tmp_path / "online.safetensors"
    save_checkpoint(online, path)
    same, _ = initial_model(path, LABELS, name="m", image_size=32, mode="online")
    assert_equal(backbone_tensors(same), backbone_tensors(online))
    offline, _ = initial_model(path, LABELS, name="m", image_size=32, mode="offline")
    exchange_shifted_channels(online.backbone)
    assert_equal(backbone_tensors(offline), backbone_tensors(online))


def test_the_default_model_is_where_a_run_starts_that_says_nothing():
    shipped = default_model().backbone.state_dict()
    for init in (None, "default"):
        model, words = initial_model(init, LABELS, name="m", image_size=32)
        assert words == "the default model, a new classifier"
        # Hands come to a frame's borders: what learned with all of its height is shown all of it.
        assert model.spec.preprocess.resize_short_side == model.spec.preprocess.crop_size
        assert model.spec.preprocess.max_squeeze == default_model().spec.preprocess.max_squeeze > 1.7
        kept = backbone_tensors(model)
        assert all(torch.equal(kept[name], shipped[name]) for name in kept)
    assert initial_model(None, LABELS, name="m", model="resnet18", image_size=32)[1] == "random weights"


def test_rows_of_known_classes_are_kept_in_their_new_order(tmp_path):
    learned = build_model("mobilenetv2-0.5", labels=("a", "b", "c"), image_size=32, seed=4)
    save_checkpoint(learned, tmp_path / "abc.safetensors")
    model, words = initial_model(tmp_path / "abc.safetensors", ("c", "a"), name="m", image_size=32)
    assert torch.equal(model.backbone.classifier.weight, learned.backbone.classifier.weight[[2, 0]])
    assert torch.equal(model.backbone.classifier.bias, learned.backbone.classifier.bias[[2, 0]])
    assert words.endswith("its classifier kept")
    assert initial_model(tmp_path / "abc.safetensors", ("c", "d"), name="m", image_size=32)[1].endswith(
        "a new classifier"
    )


def test_imagenet_is_found_where_torch_hub_keeps_it(tmp_path, monkeypatch):
    ours = build_model("resnet18", num_classes=1000, seed=4)
    tensors = {
        re.sub("^classifier", "fc", name): tensor for name, tensor in ours.backbone.state_dict().items()
    }
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(tensors, folder / "resnet18-f37072fd.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    model, words = initial_model("imagenet", LABELS, name="m", model="resnet18", image_size=32)
    assert_equal(backbone_tensors(model), backbone_tensors(ours))
    assert words.startswith("ImageNet weights")


def test_random_weights_follow_from_the_seed():
    one, other, third = (
        initial_model("random", LABELS, name="m", model="mobilenetv2-0.5", seed=seed)[0] for seed in (1, 1, 2)
    )
    assert_equal(one.backbone.state_dict(), other.backbone.state_dict())
    with pytest.raises(AssertionError):
        assert_equal(one.backbone.state_dict(), third.backbone.state_dict())


def test_weights_of_another_model_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(build_model("mobilenetv2-0.5", image_size=32), path)
    with pytest.raises(
        UsageError, match=r"holds a mobilenetv2 of width 0\.5, not resnet18; leave --model out"
    ):
        initial_model(path, LABELS, name="m", model="resnet18")
