import pytest
import torch

from tsm_edge.errors import UnknownModelError, UsageError
from tsm_edge.export import open_model


def test_a_named_network_gets_the_labels_of_the_file(tmp_path):
    (tmp_path / "labels.txt").write_text("yes\nno\n")
    model = open_model("mobilenetv2-0.5", labels=tmp_path / "labels.txt")
    assert (model.spec.labels, model.spec.trained) == (("yes", "no"), False)


def test_a_checkpoint_gets_the_labels_of_the_file(mobilenet, tmp_path):
    torch.save(mobilenet.backbone.state_dict(), tmp_path / "x.pth")
    (tmp_path / "labels.txt").write_text("\n".join(f"sign {i}" for i in range(27)))
    spec = open_model(checkpoint=tmp_path / "x.pth", labels=tmp_path / "labels.txt").spec
    assert (spec.labels[26], spec.width_mult, spec.trained) == ("sign 26", 0.5, True)


def test_the_default_is_the_default_model():
    assert open_model().spec.name == "mobilenetv2-jester"


def test_both_kinds_take_a_size(mobilenet, tmp_path):
    torch.save(mobilenet.backbone.state_dict(), tmp_path / "x.pth")
    assert open_model("mobilenetv2-0.5", image_size=112).spec.input_shape == (1, 3, 112, 112)
    assert open_model(checkpoint=tmp_path / "x.pth", image_size=64).spec.input_shape == (1, 3, 64, 64)


def test_a_name_and_a_checkpoint_are_one_too_many():
    with pytest.raises(UsageError, match=r"model resnet18 and checkpoint x\.pth: give one"):
        open_model("resnet18", "x.pth")


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownModelError, match="unknown model 'alexnet'"):
        open_model("alexnet")
