import json

import pytest
from click.testing import CliRunner
from moving_shapes import write_folders

from tsm_edge.cli.train import command
from tsm_edge.errors import CheckpointError, DataError, UsageError
from tsm_edge.export import build_model, compile_bundle, load_checkpoint, save_checkpoint
from tsm_edge.runtime import Session
from tsm_edge.targets import host_target

FAST = ["--model", "mobilenetv2-0.5", "--size", "32", "--frames", "4", "--workers", "0"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_folders(tmp_path_factory.mktemp("clips"), 4)


def test_from_clips_to_a_bundle_with_their_labels(tsm_edge, clips, tmp_path):
    (clips / "left" / "broken.mp4").write_bytes(b"no video")
    output, start = tmp_path / "wave.safetensors", tmp_path / "start.safetensors"
    save_checkpoint(build_model("mobilenetv2-0.5", image_size=32), start)
    done = tsm_edge(
        "train", clips, "--output", output, *FAST, "--freeze-backbone", "--init", start, "--log-dir", tmp_path / "logs",
        XDG_CACHE_HOME=str(tmp_path),
    )  # fmt: skip
    (clips / "left" / "broken.mp4").unlink()
    assert f"written  {output}" in done.stdout
    assert f"skipped  {clips}/left/broken.mp4" in done.stdout
    assert "cannot be decoded" in done.stdout
    assert f"from weights of {start}, a new classifier" in done.stderr
    assert list((tmp_path / "logs").glob("events.*"))
    bundle = compile_bundle(load_checkpoint(output), host_target(), tmp_path / "bundle").bundle
    assert bundle.manifest.model.labels == ("left", "right")
    assert bundle.manifest.model.weights_note == ""
    assert bundle.manifest.model.num_segments == 4, "what it learned from is what it is evaluated on"
    with Session.load(bundle.path) as session:
        assert session.open_stream().step(bundle.golden_frames[0]).label in ("left", "right")


def test_json_tells_every_epoch(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    arguments = [clips, "--output", tmp_path / "m.safetensors", *FAST, "--epochs", "2", "--json"]
    done = CliRunner().invoke(command, [*map(str, arguments)])
    report = json.loads(done.stdout)
    assert [record["epoch"] for record in report["epochs"]] == [1, 2]
    assert report["labels"] == ["left", "right"]
    assert report["num_train"] + report["num_validation"] == 8
    assert done.stderr.count("\n") == 3


def test_a_network_on_flow_says_what_it_is_for(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    output = tmp_path / "flow.safetensors"
    arguments = [clips, "--output", output, *FAST, "--epochs", "1", "--modality", "flow"]
    done = CliRunner().invoke(command, [*map(str, arguments)])
    assert f"next     tsm-edge eval RGB.safetensors {output} DATA" in done.stdout
    assert load_checkpoint(output).spec.preprocess.modality == "flow"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["CLIPS", "--output", "m.pth"], UsageError, "its name must end with .safetensors"),
        (["CLIPS", "--output", "m.safetensors", "--init", "imagenet"], UsageError, "give --init FILE"),
        (
            ["CLIPS", "--output", "m.safetensors", "--init", "absent.pth"],
            CheckpointError,
            "cannot read absent.pth",
        ),
        (["CLIPS", "--output", "m.safetensors", "--epochs", "0"], UsageError, "epochs 0: give 1 to 10000"),
        (
            ["absent", "--output", "m.safetensors"],
            DataError,
            "no data at absent; expected a folder per class",
        ),
        (
            ["CLIPS", "--output", "m.safetensors", "--init", "random", "--freeze-backbone"],
            UsageError,
            "keeps random weights",
        ),
        (["EMPTY", "--output", "m.safetensors"], DataError, "has no layout that is known"),
    ],
)
def test_mistakes_get_one_line_and_no_file(clips, tmp_path, monkeypatch, arguments, error, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    places = {"CLIPS": str(clips), "EMPTY": str(tmp_path / "empty")}
    done = CliRunner().invoke(command, [places.get(argument, argument) for argument in arguments])
    assert isinstance(done.exception, error)
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)
    assert {path.name for path in tmp_path.iterdir()} <= {"empty"}
