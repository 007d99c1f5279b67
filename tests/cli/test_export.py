import json

import msgspec
import onnx
import pytest
import torch
from click.testing import CliRunner

from tsm_edge.cli.export import command
from tsm_edge.errors import CheckpointError, UnknownModelError, UsageError
from tsm_edge.export import MODELS, build_model
from tsm_edge.specs import ONNX_METADATA_KEY, ModelSpec


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "small.pth"
    torch.save(build_model("mobilenetv2-0.5", labels=("yes", "no")).backbone.state_dict(), path)
    return path


def test_export_writes_a_checkpoint_with_labels_as_onnx(tsm_edge, checkpoint, tmp_path):
    labels, output = tmp_path / "labels.txt", tmp_path / "new" / "model.onnx"
    labels.write_text("Daumen hoch\nnichts\n", encoding="utf-8")
    done = tsm_edge("export", "--checkpoint", checkpoint, "--labels", labels, "--output", output, "--json")
    report = json.loads(done.stdout)
    assert done.stderr == ""
    assert report["path"] == str(output)
    assert report["size_bytes"] == output.stat().st_size
    assert report["check"]["max_relative_error"] <= 1e-5
    metadata = {entry.key: entry.value for entry in onnx.load(output).metadata_props}
    spec = msgspec.json.decode(metadata[ONNX_METADATA_KEY], type=ModelSpec)
    assert spec.labels == ("Daumen hoch", "nichts")
    assert spec == msgspec.convert(report["spec"], ModelSpec)


def test_export_says_that_random_weights_are_untrained(tmp_path):
    output = str(tmp_path / "model.onnx")
    done = CliRunner().invoke(command, ["--model", "mobilenetv2-0.5", "--output", output])
    assert done.exit_code == 0
    assert "untrained weights" in done.output
    assert "10 shift buffers" in done.output
    assert (tmp_path / "model.onnx").exists()


def test_help_lists_every_model(tsm_edge):
    words = tsm_edge("export", "--help").stdout.replace(",", " ").replace(". ", " ").split()
    assert set(MODELS) <= {word.removesuffix(".") for word in words}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--model", "vgg"], UnknownModelError, "unknown model 'vgg'; choose one of mobilenetv2, "),
        (["--checkpoint", "absent.pth"], CheckpointError, "cannot read absent.pth: No such file"),
        (
            ["--model", "resnet18", "--checkpoint", "x.pth"],
            UsageError,
            "give one; a checkpoint tells its own",
        ),
        (["--labels", "absent.txt"], UsageError, "cannot read labels from absent.txt: No such file"),
    ],
)
def test_mistakes_get_one_line_and_no_file(tmp_path, arguments, error, message):
    done = CliRunner().invoke(command, [*arguments, "--output", str(tmp_path / "model.onnx")])
    assert isinstance(done.exception, error)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)
    assert list(tmp_path.iterdir()) == []
