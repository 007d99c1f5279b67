from dataclasses import replace

import pytest
import torch
from published_checkpoints import online_demo, published

from tsm_edge.errors import CheckpointError, UnknownModelError, UsageError
from tsm_edge.export import build_model, default_model, open_model
from tsm_edge.export.data.gestures import CORE_LABELS, GESTURE_LABELS
from tsm_edge.export.models.registry import DEFAULT_WEIGHTS
from tsm_edge.export.training.gestures import for_streams
from tsm_edge.labels import JESTER_LABELS, dataset_labels
from tsm_edge.published import PUBLISHED
from tsm_edge.published.store import checkpoint_directory, identify


def test_a_named_network_gets_the_labels_of_the_file(tmp_path):
    (tmp_path / "labels.txt").write_text("yes\nno\n")
    model = open_model("mobilenetv2-0.5", labels=tmp_path / "labels.txt")
    assert (model.spec.labels, model.spec.trained) == (("yes", "no"), False)


def test_a_checkpoint_gets_the_labels_of_the_file(mobilenet, tmp_path):
    torch.save(mobilenet.backbone.state_dict(), tmp_path / "x.pth")
    (tmp_path / "labels.txt").write_text("\n".join(f"sign {i}" for i in range(27)))
    spec = open_model(checkpoint=tmp_path / "x.pth", labels=tmp_path / "labels.txt").spec
    assert (spec.labels[26], spec.width_mult, spec.trained) == ("sign 26", 0.5, True)


def test_the_default_is_the_trained_default_model():
    model = open_model()
    spec = model.spec
    assert (spec.name, spec.trained, spec.weights_note) == ("mobilenetv2-gestures", True, "")
    assert set(CORE_LABELS) <= set(spec.labels) <= set(GESTURE_LABELS)
    assert spec == for_streams(spec), "how it is read is what the recipe says"
    assert (spec.input_shape, spec.trained_shift) == ((1, 3, 224, 224), "online")
    assert set(spec.smoothing.background) == {"No gesture", "Doing other things"}
    again = default_model().backbone.state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in model.backbone.state_dict().items())
    assert DEFAULT_WEIGHTS.stat().st_size <= 10e6


def test_the_default_model_has_a_name_where_a_checkpoint_is_asked_for(tmp_path, monkeypatch, mobilenet):
    monkeypatch.chdir(tmp_path)
    assert open_model(checkpoint="default").spec == default_model().spec
    torch.save(mobilenet.backbone.state_dict(), "default")
    assert open_model(checkpoint="default").spec.width_mult == 0.5, "a file of that name comes first"


def test_the_default_model_takes_other_names_and_another_size(tmp_path):
    labels = [f"sign {i}" for i in range(default_model().spec.num_classes)]
    (tmp_path / "labels.txt").write_text("\n".join(labels))
    spec = open_model(labels=tmp_path / "labels.txt", image_size=112).spec
    assert spec.labels == tuple(labels)
    assert spec.preprocess == replace(default_model().spec.preprocess, resize_short_side=112, crop_size=112)
    (tmp_path / "labels.txt").write_text("yes\nno")
    with pytest.raises(UsageError, match="2 labels for "):
        open_model(labels=tmp_path / "labels.txt")


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


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """Put what torch saves of a network's tensors into the cache, as if a published file had been fetched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fetched_(name, content):
        path = checkpoint_directory() / PUBLISHED[name].file_name
        path.parent.mkdir(parents=True)
        torch.save(content, path, _use_new_zipfile_serialization=False)
        monkeypatch.setitem(PUBLISHED, name, replace(PUBLISHED[name], git_blob=identify(path).git_blob))
        return path

    return fetched_


def test_official_online_layout_loads_by_its_published_name(fetched):
    network = build_model("mobilenetv2")
    content = online_demo(network)
    assert len(content) == 314, "tensors of the published file"
    path = fetched("jester-mobilenetv2-online", content)
    # The published file has 9,225,904 bytes: its tensors came from a GPU, whose name is longer.
    assert 9_225_000 < path.stat().st_size < 9_226_000
    spec = open_model(checkpoint="jester-mobilenetv2-online").spec
    assert (spec.name, spec.labels, spec.trained_shift) == (
        "mobilenetv2-jester-online",
        JESTER_LABELS,
        "online",
    )


def test_fetched_checkpoints_classes_are_called_as_its_dataset_calls_them(fetched):
    labels = dataset_labels("something-something-v1")
    network = build_model("resnet50", labels=labels, image_size=32)
    fetched("something-v1-resnet50-8f", published(network))
    spec = open_model(checkpoint="something-v1-resnet50-8f").spec
    assert (spec.labels, spec.trained_shift) == (labels, "offline")


def test_file_of_that_name_comes_first(mobilenet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(mobilenet.backbone.state_dict(), "jester-mobilenetv2-online")
    assert open_model(checkpoint="jester-mobilenetv2-online").spec.width_mult == 0.5


def test_altered_copy_is_not_opened(fetched):
    path = fetched("something-v1-resnet50-8f", {})
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match="is not what was fetched"):
        open_model(checkpoint="something-v1-resnet50-8f")
