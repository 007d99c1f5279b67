import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tsm_edge.errors import CheckpointError
from tsm_edge.export.models.backbone import Backbone
from tsm_edge.export.models.registry import build_backbone
from tsm_edge.export.training.gestures.keras_weights import load_keras_mobilenet, read_keras_arrays

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KERAS_EPSILON = 1e-3


@pytest.fixture
def backbone() -> Backbone:
    return build_backbone("mobilenetv2", 5, 1.0)


def keras_layers() -> list[tuple[str, str, bool]]:
    """Convolution, norm and whether it is depthwise, in the network's order."""
    layers = [("Conv1", "bn_Conv1", False)]
    for block in range(17):
        name = "expanded_conv" if block == 0 else f"block_{block}"
        parts = ("depthwise", "project") if block == 0 else ("expand", "depthwise", "project")
        layers += [(f"{name}_{part}", f"{name}_{part}_BN", part == "depthwise") for part in parts]
    return [*layers, ("Conv_1", "Conv_1_bn", False)]


@pytest.fixture
def arrays(backbone) -> dict[str, np.ndarray]:
    """Random arrays as Keras would keep them for this network."""
    random = np.random.default_rng(0)
    convs = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    found = {}
    for conv, (name, norm, depthwise) in zip(convs, keras_layers(), strict=True):
        out, inner, height, width = conv.weight.shape
        shape = (height, width, out, 1) if depthwise else (height, width, inner, out)
        found[f"{name}/kernel"] = random.normal(0, 0.3, shape).astype(np.float32)
        found |= {
            f"{norm}/{part}": random.normal(0, 1, out).astype(np.float32)
            for part in ("beta", "gamma", "moving_mean")
        }
        found[f"{norm}/moving_variance"] = random.uniform(0.001, 1, out).astype(np.float32)
    return found


def test_first_layer_computes_what_keras_computes(backbone, arrays):
    load_keras_mobilenet(backbone, arrays, MEAN, STD)
    pixels = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    kernel = torch.from_numpy(arrays["Conv1/kernel"]).permute(3, 2, 0, 1)
    parts = [
        torch.from_numpy(arrays[f"bn_Conv1/{part}"])
        for part in ("moving_mean", "moving_variance", "gamma", "beta")
    ]
    # Without the border, where either pads in its own way.
    expected = functional.batch_norm(functional.conv2d(2 * pixels - 1, kernel), *parts, eps=KERAS_EPSILON)
    stem = backbone.eval().get_submodule("features.0")
    ours = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    unpadded = functional.conv2d(ours, stem[0].weight)
    torch.testing.assert_close(
        stem[1](unpadded), expected, rtol=1e-4, atol=1e-3
    )  # sums of 27 in another order


def test_every_layer_but_the_classifier_is_taken(backbone, arrays):
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    load_keras_mobilenet(backbone, arrays, MEAN, STD)
    same = {name for name, tensor in backbone.state_dict().items() if torch.equal(tensor, before[name])}
    assert {name for name in same if not name.endswith("num_batches_tracked")} == {
        "classifier.weight",
        "classifier.bias",
    }
    depthwise = backbone.get_parameter("features.5.conv.3.weight")
    expected = torch.from_numpy(arrays["block_4_depthwise/kernel"])[:, :, 7, 0]
    torch.testing.assert_close(depthwise[7, 0], expected, rtol=0, atol=0)


def test_missing_and_misshapen_arrays_are_refused(backbone, arrays):
    with pytest.raises(CheckpointError, match="block_3_expand/kernel is missing"):
        load_keras_mobilenet(
            backbone, {k: v for k, v in arrays.items() if not k.startswith("block_3_expand/")}, MEAN, STD
        )
    arrays["Conv_1/kernel"] = np.zeros((1, 1, 320, 640), np.float32)
    with pytest.raises(CheckpointError, match="width"):
        load_keras_mobilenet(backbone, arrays, MEAN, STD)


def test_a_file_that_is_no_keras_file_is_refused(tmp_path):
    pytest.importorskip("h5py", reason="reading Keras' files needs h5py")
    path = tmp_path / "weights.h5"
    path.write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match=r"\.h5"):
        read_keras_arrays(path)
