import pytest

from tsm_edge.errors import UnknownModelError, UsageError
from tsm_edge.export import MODELS, build_model
from tsm_edge.export.models import build_backbone, make_spec
from tsm_edge.labels import JESTER_LABELS, JESTER_SMOOTHING
from tsm_edge.specs import PreprocessSpec, SmoothingSpec


def test_a_named_network_is_an_untrained_one_for_jester():
    spec = build_model("mobilenetv2").spec
    assert (spec.name, spec.architecture, spec.width_mult) == ("mobilenetv2-jester", "mobilenetv2", 1.0)
    assert spec.labels == JESTER_LABELS
    assert spec.smoothing == JESTER_SMOOTHING
    assert spec.preprocess == PreprocessSpec()
    assert spec.input_shape == (1, 3, 224, 224)
    assert not spec.trained
    assert spec.weights_note == "untrained weights"


@pytest.mark.parametrize("entry", MODELS.values(), ids=MODELS)
def test_every_entry_describes_a_network_with_state(entry):
    spec = make_spec(
        name=entry.name,
        architecture=entry.architecture,
        width_mult=entry.width_mult,
        labels=("a", "b"),
        trained=False,
    )
    backbone = build_backbone(entry.architecture, 2, entry.width_mult)
    assert len(spec.state.shapes) == len(backbone.shifted_convs)
    assert not backbone.training


def test_model_in_evaluation_mode_with_own_classes():
    model = build_model("mobilenetv2-0.5", num_classes=3, image_size=64)
    assert not model.training
    assert not model.backbone.training
    assert model.spec.labels == ("class 0", "class 1", "class 2")
    assert model.spec.smoothing == SmoothingSpec()
    assert model.spec.name == "mobilenetv2-0.5-3classes"
    assert model.spec.preprocess == PreprocessSpec(resize_short_side=73, crop_size=64)


def test_labels_tell_the_number_of_classes():
    assert build_model("mobilenetv2-0.5", labels=["yes", "no"], image_size=32).spec.num_classes == 2


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(UnknownModelError, match="unknown model 'vgg'; choose one of mobilenetv2, "):
        build_model("vgg")
    with pytest.raises(UnknownModelError, match=r"unknown architecture 'vgg'; choose one of mobilenetv2, "):
        build_backbone("vgg", 2)


@pytest.mark.parametrize("image_size", [0, -32, 16, 40, 1040])
def test_sizes_that_do_not_fit_are_refused(image_size):
    with pytest.raises(UsageError, match="give a multiple of 16 from 32 to 1024"):
        build_model("mobilenetv2-0.5", image_size=image_size)


def test_labels_and_number_of_classes_must_agree():
    with pytest.raises(UsageError, match="2 labels for 3 classes"):
        build_model(labels=("a", "b"), num_classes=3)
