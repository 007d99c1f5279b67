"""Networks that tests of the host half share: small ones, built once."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from small_network import small_network
from torch import nn

from tsm_edge.bundle import Bundle
from tsm_edge.export import ClipModel, build, build_model, compile_bundle, export_onnx
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.layers import Network
from tsm_edge.export.models.backbone import Backbone, conv_bn
from tsm_edge.export.models.random_weights import random_clip, set_random_weights
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.specs import ModelSpec, PreprocessSpec, StateSpec
from tsm_edge.targets import get_target

# Same float32 arithmetic in another order of summation: errors follow the largest value.
TOLERANCE = 1e-5


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def assert_close():
    def check(actual, expected):
        actual, expected = np.asarray(actual), np.asarray(expected)
        assert actual.shape == expected.shape
        assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())

    return check


class TinyBackbone(Backbone):
    """Two convolutions, the second one shifted: traced in an instant."""

    first_conv = "stem"
    shifted_convs = ("shifted",)
    residual_norms = ()

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_norm = conv_bn(3, 8, 3, stride=8)
        self.shifted, self.shifted_norm = conv_bn(8, 8, 1)
        self.classifier = nn.Linear(8, 3)

    def forward(self, frames, shift):
        x = torch.relu(self.stem_norm(self.stem(frames)))
        x = torch.relu(self.shifted_norm(self.shifted(shift(x))))
        return self.classifier(x.mean((2, 3)))


@pytest.fixture
def tiny() -> ClipModel:
    """Its own for each test, which may change it."""
    spec = ModelSpec(
        name="tiny",
        architecture="tiny",
        num_classes=3,
        labels=("a", "b", "c"),
        trained=False,
        state=StateSpec(shapes=((1, 1, 4, 4),)),
        preprocess=PreprocessSpec(resize_short_side=36, crop_size=32),
    )
    backbone = TinyBackbone()
    set_random_weights(backbone)
    return ClipModel(backbone, spec).eval()


@pytest.fixture(scope="session")
def mobilenet() -> ClipModel:
    return build_model("mobilenetv2-0.5", image_size=32)


@pytest.fixture(scope="session")
def resnet() -> ClipModel:
    return build_model("resnet18", image_size=32)


@pytest.fixture(scope="session")
def clip() -> torch.Tensor:
    """(64, 3, 32, 32) float32."""
    return random_clip(64, 32, torch.Generator().manual_seed(7))


@pytest.fixture(scope="session")
def online_logits(mobilenet, clip) -> list[torch.Tensor]:
    """The online clip model's (T, num_classes) for the clip's first T frames, T from 1 to 64."""
    with torch.inference_mode():
        return [mobilenet(clip[None, :num_segments])[0] for num_segments in range(1, 65)]


@pytest.fixture(scope="session")
def stream_torch():
    """Logits (T, num_classes) of a clip's frames (T, 3, H, W), given to the streaming view one by one."""

    def stream(model, frames):
        streaming, logits = model.streaming(), []
        state = streaming.initial_state()
        with torch.inference_mode():
            for frame in frames:
                answer, *state = streaming(frame[None], *state)
                logits.append(answer[0])
        return torch.stack(logits)

    return stream


@pytest.fixture(scope="session")
def onnx_path(mobilenet, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("mobilenet") / "model.onnx"
    export_onnx(mobilenet, path)
    return path


@pytest.fixture(scope="session")
def resnet_onnx_path(resnet, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("resnet") / "model.onnx"
    assert export_onnx(resnet, path) == resnet.spec
    return path


@pytest.fixture(scope="session")
def small() -> ClipModel:
    return small_network()


@pytest.fixture(scope="session")
def small_onnx(small, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    export_onnx(small, path)
    return path


@pytest.fixture(scope="session")
def small_layers(small_onnx) -> Network:
    """The small network as the rules see it."""
    return fuse_layers(read_graph(import_relax(small_onnx)))


@pytest.fixture(scope="session")
def exported_once(small, small_onnx) -> Iterator[ClipModel]:
    """The small network; compiling it copies the ONNX file that was written once, which no target changes."""

    def export(model: ClipModel, path: Path) -> ModelSpec:
        if model is not small:
            return export_onnx(model, path)
        shutil.copyfile(small_onnx, path)
        return model.spec

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "export_onnx", export)
        yield small


@pytest.fixture(scope="session")
def bundle_for(exported_once, tmp_path_factory) -> Callable[[str], Bundle]:
    """The small network's bundle for the target of that name, compiled once; nobody writes into it."""

    @cache
    def compile_(name: str) -> Bundle:
        path = tmp_path_factory.mktemp("targets") / name
        return compile_bundle(exported_once, get_target(name), path, strict=True).bundle

    return compile_
