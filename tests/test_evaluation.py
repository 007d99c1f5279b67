"""Whatever holds a network, the same figures come out."""

import numpy as np
import pytest
import torch
from moving_shapes import write_folders

from tsm_edge.bundle import Bundle
from tsm_edge.errors import BundleError, CheckpointError, DataError, UsageError
from tsm_edge.evaluation import chosen_clips, evaluate, evaluate_stream, open_candidate
from tsm_edge.export import build_model, export_onnx, load_checkpoint, save_checkpoint
from tsm_edge.export.data import open_data
from tsm_edge.export.evaluation import StreamCondition

LABELS = ("left", "right", "nothing")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_folders(tmp_path_factory.mktemp("clips"), 3, ("left", "right"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "m.safetensors"
    save_checkpoint(build_model("mobilenetv2-0.5", labels=LABELS, image_size=32), path)
    return path


@pytest.fixture(scope="module")
def onnx_file(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "m.onnx"
    export_onnx(load_checkpoint(checkpoint), path)
    return path


def test_onnx_and_checkpoint_agree_on_clips(checkpoint, onnx_file, clips):
    results, views = [], torch.randint(0, 256, (1, 8, 32, 32, 3), dtype=torch.uint8)
    candidates = [open_candidate(str(path)) for path in (checkpoint, onnx_file)]
    assert candidates[0].spec == candidates[1].spec
    scores = [candidate.scorer().scores(views) for candidate in candidates]
    # Streamed or as a clip, in ONNX Runtime or PyTorch: float32 in another order of summation.
    np.testing.assert_allclose(scores[0], scores[1], rtol=0, atol=1e-4)
    results = [evaluate([candidate], clips)[0] for candidate in candidates]
    assert results[0].confusion == results[1].confusion


def test_bundles_are_evaluated_by_what_runs_them(compiled_path, clips, tmp_path):
    labels = Bundle.open(compiled_path).manifest.model.labels
    jester = tmp_path / "jester"
    jester.mkdir()
    for name, label in (("left", labels[16]), ("right", labels[17])):
        (jester / label).symlink_to(clips / name)
    results = [
        evaluate([open_candidate(str(compiled_path), backend=backend)], jester)[0]
        for backend in ("tvm", "onnxruntime")
    ]
    assert results[0].confusion == results[1].confusion
    assert results[0].num_clips == 6
    assert results[0].weights_note == "untrained weights"
    with pytest.raises(UsageError, match="takes 32 pixels alone"):
        evaluate([open_candidate(str(compiled_path))], jester, protocol="2clip-full")


def test_onnx_and_checkpoint_agree_on_streams(checkpoint, onnx_file, clips):
    conditions = [StreamCondition(), StreamCondition(fps=6), StreamCondition(drop=0.2)]
    found = [
        evaluate_stream(open_candidate(str(path)), clips, conditions) for path in (checkpoint, onnx_file)
    ]
    assert found[0].results == found[1].results
    assert found[0].results[0].frames == 6 * 12
    assert found[0].results[1].frames == 6 * 6
    assert found[0].results[0].happened == 6


def test_parts_are_chosen_by_name(tmp_path):
    write_folders(tmp_path / "train", 2)
    write_folders(tmp_path / "val", 1)
    found = open_data(tmp_path)
    counts = {
        split: len(chosen_clips(found, split, tmp_path)) for split in ("auto", "train", "validation", "all")
    }
    assert counts == {"auto": 2, "train": 4, "validation": 2, "all": 6}


def test_absent_parts_are_one_line(clips):
    found = open_data(clips)
    assert len(chosen_clips(found, "auto", clips)) == 6
    with pytest.raises(DataError, match="names no validation part; give --split all"):
        chosen_clips(found, "validation", clips)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("absent.onnx", BundleError, "no ONNX file at"),
        ("absent.pth", CheckpointError, "cannot read absent.pth"),
        (".", BundleError, "manifest"),
    ],
)
def test_what_is_no_network_is_one_line(tmp_path, monkeypatch, name, error, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        open_candidate(name)


def test_foreign_onnx_files_are_one_line(onnx_file, tmp_path):
    import onnx

    model = onnx.load(onnx_file)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(BundleError, match=r"does not say which network it holds; write it with"):
        open_candidate(str(tmp_path / "foreign.onnx"))
