import json

import pytest
from click.testing import CliRunner
from moving_shapes import write_folders

from tsm_edge.cli.eval import command
from tsm_edge.errors import CheckpointError, DataError, UsageError
from tsm_edge.export import build_model, save_checkpoint
from tsm_edge.export.training.initial_weights import initial_model
from tsm_edge.specs import FlowSpec


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_folders(tmp_path_factory.mktemp("clips"), 3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "m.safetensors"
    save_checkpoint(build_model("mobilenetv2-0.5", labels=("left", "right"), image_size=32), path)
    return path


def run(*arguments):
    return CliRunner().invoke(command, [*map(str, arguments)])


def test_table_figures_and_picture(tsm_edge, clips, checkpoint, tmp_path):
    (clips / "left" / "broken.mp4").write_bytes(b"no video")
    plot = tmp_path / "confusion.png"
    done = tsm_edge("eval", checkpoint, clips, "--confusion", plot)
    (clips / "left" / "broken.mp4").unlink()
    assert done.stderr == ""
    assert "of 6 clips" in done.stdout
    assert "untrained weights" in done.stdout
    assert "those that the network learned from say little" in done.stdout
    assert "skipped" in done.stdout
    assert "broken.mp4" in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_json_of_an_ensemble_under_a_published_protocol(clips, checkpoint):
    done = run(
        checkpoint, checkpoint, clips, "--protocol", "2clip-full", "--frames", 4, "--threads", 1, "--json"
    )
    result = json.loads(done.stdout)["result"]
    assert result["models"] == [str(checkpoint)] * 2
    assert result["num_clips"] == 6
    assert sum(map(sum, result["confusion"])) == 6
    assert [each["label"] for each in result["classes"]] == ["left", "right"]


@pytest.fixture(scope="module")
def flow_checkpoint(tmp_path_factory):
    settings = {"name": "flow", "model": "mobilenetv2-0.5", "image_size": 32, "mode": "offline"}
    path = tmp_path_factory.mktemp("flow") / "flow.safetensors"
    save_checkpoint(initial_model("random", ("left", "right"), flow=FlowSpec(), **settings)[0].eval(), path)
    return path


def test_two_streams_are_told_alone_and_together(clips, checkpoint, flow_checkpoint):
    both = [checkpoint, flow_checkpoint, clips, "--frames", 4, "--frames", 2, "--weight", 1, "--weight", 1.5]
    shown = run(*both).stdout
    assert f"alone     {checkpoint}: rgb, weight 0.40, top-1" in shown
    assert f"alone     {flow_checkpoint}: flow, weight 0.60, top-1" in shown
    assert "of 6 clips" in shown
    members = json.loads(run(*both, "--json").stdout)["result"]["members"]
    assert [(each["modality"], each["num_segments"]) for each in members] == [("rgb", 4), ("flow", 2)]


def test_what_classes_have_in_common_is_told(clips, checkpoint, tmp_path):
    groups = tmp_path / "groups.csv"
    groups.write_text("action_cls,axis_cls\nleft,across\nright,across\n")
    shown = run(checkpoint, clips, "--groups", groups).stdout
    assert "axis      top-1 100.0%, top-5 100.0% of 1 groups of classes" in shown


def test_streams_at_several_rates_and_losses(clips, checkpoint):
    options = [
        "--threads",
        1,
        "--protocol",
        "stream",
        "--fps",
        6,
        "--fps",
        12,
        "--drop",
        0,
        "--drop",
        0.25,
        "--json",
    ]
    results = json.loads(run(checkpoint, clips, *options).stdout)["results"]
    assert [(each["fps"], each["drop"]) for each in results] == [(6, 0), (6, 0.25), (12, 0), (12, 0.25)]
    assert all(each["happened"] == 6 for each in results)
    shown = run(checkpoint, clips, "--protocol", "stream").stdout
    assert "6 clips joined; 0.1 minutes" in shown
    assert "no class for nothing" in shown


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["absent.pth", "CLIPS"], CheckpointError, "cannot read absent.pth"),
        (["MODEL", "absent"], DataError, "no data at absent"),
        (["default", "CLIPS"], DataError, "it knows 'No gesture', 'Doing other things'"),
        (["MODEL", "CLIPS", "--fps", "6"], UsageError, "belong to --protocol stream"),
        (["MODEL", "MODEL", "CLIPS", "--protocol", "stream"], UsageError, "takes one model"),
        (
            ["MODEL", "CLIPS", "--protocol", "stream", "--weight", "1"],
            UsageError,
            "belong to clips, not to --protocol stream",
        ),
        (["MODEL", "CLIPS", "--weight", "1", "--weight", "2"], UsageError, "weights 1, 2 for 1 networks"),
        (["FLOW", "CLIPS", "--protocol", "stream"], UsageError, "sees optical flow, of whole clips"),
        (["MODEL", "CLIPS", "--confusion", "x.txt"], UsageError, "cannot draw 'x.txt'"),
        (["MODEL", "CLIPS", "--split", "validation"], DataError, "give --split all"),
    ],
)
def test_mistakes_get_one_line(
    clips, checkpoint, flow_checkpoint, tmp_path, monkeypatch, arguments, error, words
):
    monkeypatch.chdir(tmp_path)
    places = {"CLIPS": clips, "MODEL": checkpoint, "FLOW": flow_checkpoint}
    done = run(*(places.get(argument, argument) for argument in arguments))
    assert isinstance(done.exception, error)
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)
