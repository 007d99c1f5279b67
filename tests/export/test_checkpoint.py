import numpy as np
import pytest
import torch
from published_checkpoints import online_demo, published

from tsm_edge.errors import CheckpointError, OutputError, UsageError
from tsm_edge.export import build_model, load_checkpoint, save_checkpoint
from tsm_edge.labels import JESTER_LABELS, JESTER_SMOOTHING, numbered_labels

# Of torch.save: the zip format of today, and the one of 2019 in which the published files are.
ZIP_FORMATS = pytest.mark.parametrize("use_zip", [True, False], ids=["zip", "legacy"])


@pytest.fixture(params=["mobilenet", "resnet"])
def model(request):
    return request.getfixturevalue(request.param)


def save(content, path, *, use_zip=True):
    torch.save(content, path, _use_new_zipfile_serialization=use_zip)
    return path


def answers(model, clip):
    with torch.inference_mode():
        return model(clip[None, :4]).numpy()


@ZIP_FORMATS
def test_online_demo_checkpoint_answers_as_before(mobilenet, clip, tmp_path, use_zip):
    path = save(online_demo(mobilenet), tmp_path / "mobilenetv2_jester_online.pth.tar", use_zip=use_zip)
    loaded = load_checkpoint(path, image_size=32)
    assert (loaded.mode, loaded.training) == ("online", False)
    assert loaded.spec.name == "mobilenetv2-jester-online"
    assert loaded.spec.labels == JESTER_LABELS
    assert loaded.spec.smoothing == JESTER_SMOOTHING
    assert loaded.spec.trained
    assert loaded.spec.weights_note == ""
    np.testing.assert_array_equal(answers(loaded, clip), answers(mobilenet, clip))


@ZIP_FORMATS
def test_published_checkpoint_answers_with_the_offline_shift(model, clip, tmp_path, use_zip):
    path = save(published(model), tmp_path / "TSM_kinetics_RGB_avg_segment8_e50.pth", use_zip=use_zip)
    loaded = load_checkpoint(path, image_size=32)
    assert loaded.mode == "offline"
    assert loaded.spec.trained_shift == "offline"
    assert loaded.spec.weights_note == "weights trained for whole clips"
    assert loaded.spec.labels == numbered_labels(27)
    np.testing.assert_array_equal(answers(loaded, clip), answers(model.with_mode("offline"), clip))


def test_published_checkpoint_for_jester_gets_its_labels(mobilenet, tmp_path):
    path = save(published(mobilenet), tmp_path / "TSM_Jester_RGB_mobilenetv2.pth")
    assert load_checkpoint(path).spec.labels == JESTER_LABELS


def test_own_checkpoint_comes_back_whole(model, clip, tmp_path):
    save_checkpoint(model, tmp_path / "own.safetensors")
    loaded = load_checkpoint(tmp_path / "own.safetensors")
    assert loaded.spec == model.spec
    assert loaded.mode == model.mode
    np.testing.assert_array_equal(answers(loaded, clip), answers(model, clip))


def test_published_weights_stay_offline_through_our_own_file(mobilenet, tmp_path):
    loaded = load_checkpoint(save(published(mobilenet), tmp_path / "TSM.pth"), image_size=64)
    save_checkpoint(loaded, tmp_path / "own.safetensors")
    again = load_checkpoint(tmp_path / "own.safetensors")
    assert again.mode == "offline"
    assert again.spec == loaded.spec


@pytest.mark.parametrize(
    "name", ["mobilenetv2", "mobilenetv2-0.75", "mobilenetv2-1.4", "resnet50", "resnet101"]
)
def test_architecture_width_and_classes_are_inferred(name, tmp_path):
    model = build_model(name, num_classes=5)
    loaded = load_checkpoint(save(published(model), tmp_path / "x.pth"))
    found = (loaded.spec.architecture, loaded.spec.width_mult, loaded.spec.num_classes)
    assert found == (model.spec.architecture, model.spec.width_mult, 5)
    assert loaded.spec.state == model.spec.state


def test_checkpoint_without_batch_counters_loads(mobilenet, clip, tmp_path):
    tensors = {
        name: t for name, t in online_demo(mobilenet).items() if not name.endswith("num_batches_tracked")
    }
    loaded = load_checkpoint(save(tensors, tmp_path / "x.pth"), image_size=32)
    np.testing.assert_array_equal(answers(loaded, clip), answers(mobilenet, clip))


def test_half_precision_is_widened(mobilenet, tmp_path):
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in online_demo(mobilenet).items()}
    loaded = load_checkpoint(save(tensors, tmp_path / "x.pth"))
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


def test_labels_and_size_can_be_given(mobilenet, tmp_path):
    path = save(online_demo(mobilenet), tmp_path / "x.pth")
    labels = [f"sign {i}" for i in range(27)]
    spec = load_checkpoint(path, labels=labels, image_size=96).spec
    assert spec.labels == tuple(labels)
    assert spec.smoothing != JESTER_SMOOTHING
    assert spec.input_shape == (1, 3, 96, 96)
    assert spec.state.shapes[0] == (1, 2, 24, 24)


def test_another_number_of_labels_is_refused(mobilenet, tmp_path):
    path = save(online_demo(mobilenet), tmp_path / "x.pth")
    with pytest.raises(UsageError, match="2 labels for 27 classes of x; give one each"):
        load_checkpoint(path, labels=["a", "b"])


def test_loaded_network_can_be_trained_on(mobilenet, clip, tmp_path):
    loaded = load_checkpoint(save(online_demo(mobilenet), tmp_path / "x.pth"), image_size=32).train()
    loaded(clip[None, :4]).sum().backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters())


def test_a_failed_save_leaves_the_old_file(mobilenet, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        save_checkpoint(mobilenet, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_every_single_byte_cut_off_is_noticed(tmp_path, tiny):
    """Every checkpoint error is one line that names the file."""
    path = tmp_path / "x.pth"
    save({"features.0.0.weight": torch.ones(8)}, path)
    content = path.read_bytes()
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError) as failure:
            load_checkpoint(path)
        assert str(path) in str(failure.value)
        assert "\n" not in str(failure.value)
