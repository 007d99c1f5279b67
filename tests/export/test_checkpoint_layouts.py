from pathlib import Path

import pytest
import torch
from published_checkpoints import online_demo, published

from tsm_edge.errors import CheckpointError
from tsm_edge.export.checkpoint_file import EXPECTED, CheckpointFile
from tsm_edge.export.checkpoint_layouts import recognize
from tsm_edge.export.checkpoint_spec import describe_checkpoint
from tsm_edge.export.models import build_backbone
from tsm_edge.specs import FlowSpec

PUBLISHED_CONV = "module.base_model.features.3.conv.0.net.weight"


@pytest.fixture
def demo(mobilenet):
    return dict(online_demo(mobilenet))


@pytest.fixture
def tsm(mobilenet):
    return dict(published(mobilenet)["state_dict"])


@pytest.fixture
def resnet_tsm(resnet):
    return dict(published(resnet)["state_dict"])


def refused(tensors):
    """The one line that these tensors are answered with."""
    with pytest.raises(CheckpointError) as failure:
        recognize(CheckpointFile(Path("some.pth"), tensors))
    message = str(failure.value)
    assert message.startswith("some.pth")
    assert "\n" not in message
    return message


def test_published_names_become_ours(tsm, demo):
    weights = recognize(CheckpointFile(Path("x"), tsm))
    counters = {name for name in demo if name.endswith("num_batches_tracked")}
    assert weights.tensors.keys() == demo.keys() - counters
    assert all(torch.equal(tensor, demo[name]) for name, tensor in weights.tensors.items())


def test_published_names_look_as_published(tsm, resnet_tsm):
    """So that a fault in the test's own renaming is seen."""
    assert tsm[PUBLISHED_CONV].shape[2:] == (1, 1)
    assert sum(".net." in name for name in tsm) == 10
    assert "module.base_model.features.18.1.running_mean" in tsm
    assert "module.new_fc.bias" in tsm
    assert "module.base_model.layer1.0.conv1.net.weight" in resnet_tsm
    assert "module.base_model.layer2.0.downsample.0.weight" in resnet_tsm
    assert "module.base_model.bn1.weight" in resnet_tsm


def test_names_without_data_parallel_are_the_same_layout(tsm):
    weights = recognize(
        CheckpointFile(Path("x"), {name.removeprefix("module."): t for name, t in tsm.items()})
    )
    assert weights.is_published


def test_non_local_blocks_are_named(resnet_tsm):
    resnet_tsm["module.base_model.layer2.0.nl.g.weight"] = torch.ones(1)
    assert "is a TSM with non-local blocks, which need the whole clip" in refused(resnet_tsm)


def test_optical_flow_is_read_and_other_inputs_are_named(resnet_tsm):
    resnet_tsm["module.base_model.conv1.weight"] = torch.ones(64, 10, 7, 7)
    weights = recognize(CheckpointFile(Path("x"), resnet_tsm))
    assert weights.in_channels == 10
    spec = describe_checkpoint(CheckpointFile(Path("TSM_kinetics_Flow.pth"), resnet_tsm), weights)
    assert spec.preprocess.flow == FlowSpec(num_fields=5, method="tvl1")
    resnet_tsm["module.base_model.conv1.weight"] = torch.ones(64, 18, 7, 7)
    assert "is made for 18 input channels, neither for RGB frames (3) nor for" in refused(resnet_tsm)


@pytest.mark.parametrize("name", ["mobilenet", "resnet"])
def test_tsn_without_shift_is_named(request, name):
    tensors = published(request.getfixturevalue(name), shifted=())["state_dict"]
    assert "is a TSN: it has no temporal shift" in refused(tensors)


def test_shift_in_other_blocks_is_named(mobilenet):
    tensors = published(mobilenet, shifted=mobilenet.backbone.shifted_convs[1:])["state_dict"]
    message = refused(tensors)
    assert "has its shifts in other places than the published models (see features.3.conv.0)" in message


def test_shift_around_whole_blocks_is_named(resnet):
    """The "block" placement of the training script wraps each block in place of its first convolution."""
    tensors = published(resnet, shifted=())["state_dict"]
    wrapped = {name.replace(".0.conv", ".0.net.conv"): tensor for name, tensor in tensors.items()}
    assert "has its shifts in other places" in refused(wrapped)


def test_other_networks_are_named():
    message = refused({"patch_embed.proj.weight": torch.ones(1)})
    assert "is another network (it begins with 'patch_embed.proj.weight')" in message
    assert message.endswith(EXPECTED)
    assert "is another network" in refused({"a.num_batches_tracked": torch.tensor(0)})


def test_other_depths_are_named(resnet_tsm):
    message = refused({name: t for name, t in resnet_tsm.items() if "layer3.1" not in name})
    assert "is a ResNet of (2, 2, 1, 2) BasicBlocks; known are ResNet-18, ResNet-50, ResNet-101" in message


def test_missing_and_left_over_tensors_are_named(demo):
    del demo["features.7.conv.3.weight"]
    demo["features.19.0.weight"] = torch.ones(1)
    message = refused(demo)
    assert "features.7.conv.3.weight is missing, features.19.0.weight is left over" in message


def test_wrong_shapes_are_named_with_both_shapes(demo):
    demo["features.7.conv.3.weight"] = torch.ones(96, 1, 5, 5)
    assert "features.7.conv.3.weight is (96, 1, 5, 5) instead of (96, 1, 3, 3)" in refused(demo)


def test_one_wrong_stage_does_not_hide_behind_another_width(demo):
    demo["features.17.conv.6.weight"] = torch.ones(8, 480, 1, 1)
    assert "features.17.conv.6.weight is (8, 480, 1, 1) instead of (160, 480, 1, 1)" in refused(demo)


def test_a_long_list_of_problems_is_cut_short(demo):
    first, *_ = demo
    message = refused({first: demo[first]})
    assert message.count("is missing") == 3
    assert " more; expected " in message


def test_network_without_class_layer_is_named(demo):
    demo = {name: tensor for name, tensor in demo.items() if "classifier" not in name}
    assert "classifier.weight is missing, classifier.bias is missing" in refused(demo)


def test_left_over_counter_is_named(demo):
    demo["extra.num_batches_tracked"] = torch.tensor(1)
    assert "extra.num_batches_tracked is left over" in refused(demo)


def test_two_names_for_one_tensor_are_refused(tsm, demo):
    name = "module.base_model.features.3.conv.0.weight"
    assert "two tensors have the same name but for a prefix" in refused({**tsm, name: tsm[PUBLISHED_CONV]})


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_named(demo, value):
    demo["classifier.bias"] = torch.full((27,), value)
    assert "classifier.bias is not made of finite floats" in refused(demo)


def test_integer_weights_are_named(demo):
    demo["classifier.bias"] = torch.ones(27, dtype=torch.int32)
    assert "classifier.bias is not made of finite floats" in refused(demo)


def test_odd_widths_are_found():
    tensors = build_backbone("mobilenetv2", 4, width_mult=0.35).state_dict()
    assert recognize(CheckpointFile(Path("x"), tensors)).width_mult == 0.35
