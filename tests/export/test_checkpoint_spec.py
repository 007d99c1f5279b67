import dataclasses
from pathlib import Path

import msgspec
import pytest

from tsm_edge.errors import CheckpointError, UsageError
from tsm_edge.export.checkpoint_file import CheckpointFile
from tsm_edge.export.checkpoint_layouts import recognize
from tsm_edge.export.checkpoint_spec import describe_checkpoint, with_image_size, with_labels
from tsm_edge.labels import JESTER_LABELS, JESTER_SMOOTHING
from tsm_edge.specs import ONNX_METADATA_KEY, PreprocessSpec, StateSpec


@pytest.fixture
def describe(mobilenet):
    """The spec of our small network's tensors, in a file of this name with this description."""

    def run(name="x.safetensors", description=None):
        metadata = {} if description is None else {ONNX_METADATA_KEY: description}
        file = CheckpointFile(Path(name), mobilenet.backbone.state_dict(), metadata)
        return describe_checkpoint(file, recognize(file))

    return run


def as_json(spec):
    return msgspec.json.encode(spec).decode()


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("mobilenetv2_jester_online.pth.tar", "mobilenetv2-jester-online"),
        ("TSM_Kinetics RGB.pth", "tsm-kinetics-rgb"),
        ("run7.2.safetensors", "run7.2"),
        ("....pth", "checkpoint"),
    ],
)
def test_a_foreign_file_is_called_by_its_name(describe, file_name, name):
    assert describe(file_name).name == name


def test_an_own_file_describes_itself(describe, mobilenet):
    spec = dataclasses.replace(mobilenet.spec, name="mine", trained=True, trained_shift="offline")
    assert describe("other.safetensors", as_json(spec)) == spec


@pytest.mark.parametrize("description", ["", "{", "[]", "{}", '{"name": 3}'])
def test_a_broken_description_is_refused(describe, description):
    with pytest.raises(CheckpointError, match=r"x\.safetensors has a broken description: .*; save it again"):
        describe("x.safetensors", description)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "resnet18"},
        {"width_mult": 1.0},
        {"num_classes": 26, "labels": JESTER_LABELS[1:]},
        {"state": StateSpec(shapes=((1, 2, 8, 8),))},
        {"shift_div": 4},
        {"preprocess": PreprocessSpec(resize_short_side=256, crop_size=224)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_description_of_another_network_is_refused(describe, mobilenet, changes):
    with pytest.raises(CheckpointError, match=r"x\.safetensors describes .*; save it again"):
        describe("x.safetensors", as_json(dataclasses.replace(mobilenet.spec, **changes)))


def test_new_labels_bring_their_smoothing(mobilenet):
    renamed = with_labels(mobilenet.spec, [f"sign {i}" for i in range(27)])
    assert renamed.labels[3] == "sign 3"
    assert renamed.smoothing != JESTER_SMOOTHING
    assert with_labels(renamed, JESTER_LABELS) == mobilenet.spec


def test_labels_of_another_number_are_refused(mobilenet):
    with pytest.raises(UsageError, match=r"3 labels for 27 classes of mobilenetv2.*; give one each"):
        with_labels(mobilenet.spec, ("a", "b", "c"))


def test_another_size_has_another_state_and_no_other_change(mobilenet):
    resized = with_image_size(mobilenet.spec, 64)
    assert resized.state.shapes[0] == (1, 2, 16, 16)
    assert resized.input_shape == (1, 3, 64, 64)
    assert with_image_size(resized, 32) == mobilenet.spec
