"""Whole runs: what they write, what they go on from, what they refuse."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from tsm_edge.errors import DataError, UsageError
from tsm_edge.export import Listener, TrainingOptions, build_model, load_checkpoint, save_checkpoint, train
from tsm_edge.export.training.training_checkpoint import checkpoint_path

MODEL = "mobilenetv2-0.5"
SETTINGS = ["--model", MODEL, "--size", "32", "--frames", "4", "--batch-size", "4", "--workers", "0"]
CODE = "from tsm_edge.cli.main import main; main()"


def command(clips, output, *more):
    return [sys.executable, "-c", CODE, "train", str(clips), "--output", str(output), *SETTINGS, *more]


def one_thread():
    return os.environ | {"OMP_NUM_THREADS": "1"}


def assert_same_weights(one, other):
    left, right = (load_checkpoint(path).backbone.state_dict() for path in (one, other))
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_run_writes_a_model_that_compile_reads(clips, options, tmp_path):
    output = tmp_path / "new" / "wave.safetensors"
    heard = []

    class Ear(Listener):
        def epoch(self, record):
            heard.append(record)

    report = train(clips, output, options, model=MODEL, listener=Ear())
    model = load_checkpoint(output)
    assert model.spec.labels == ("left", "right")
    assert model.spec.trained
    assert model.spec.trained_shift == "online"
    assert model.spec.name == "wave"
    assert model.spec.weights_note == ""
    assert model.spec.input_shape == (1, 3, 32, 32)
    assert (report.num_train, report.num_validation) == (10, 2)
    assert [record.epoch for record in heard] == [1, 2]
    assert report.epochs == tuple(heard)
    assert heard[-1].lr == pytest.approx(0, abs=1e-9)


def test_offline_runs_say_so(clips, options, tmp_path):
    output = tmp_path / "m.safetensors"
    train(clips, output, replace(options, epochs=1, offline=True), model=MODEL)
    assert load_checkpoint(output).spec.trained_shift == "offline"


def test_few_clips_leave_a_trained_models_norms_as_they_are(clips, options, start, tmp_path):
    """Unless it is asked for; a model from random weights needs statistics of its own."""
    before = load_checkpoint(start).backbone.state_dict()
    heard = []

    class Ear(Listener):
        def begin(self, what, count):
            heard.append(what)

    def norms_moved(**settings) -> bool:
        changed = {"init": start, "model": MODEL} | settings
        path = tmp_path / "m.safetensors"
        train(
            clips,
            path,
            replace(options, freeze_norms=changed.pop("learned", None)),
            listener=Ear(),
            **changed,
        )
        after = load_checkpoint(path).backbone.state_dict()
        means = [name for name in before if "running_mean" in name]
        if changed["init"] == "random":  # where they begin at zero
            return all(bool(after[name].any()) for name in means)
        return any(not torch.equal(after[name], before[name]) for name in means)

    assert not norms_moved()
    assert "features, view 1 of 2" in heard
    assert norms_moved(learned=False)
    heard.clear()
    assert norms_moved(init="random")
    assert not any("features" in what for what in heard)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # DataLoader forks, Python 3.12 warns of it
def test_workers_change_nothing_and_seeds_change_all(clips, options, tmp_path):
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    settings = options, replace(options, workers=2), replace(options, seed=1)
    for path, chosen in zip(paths, settings, strict=True):
        train(clips, path, chosen, model=MODEL)
    assert_same_weights(*paths[:2])
    with pytest.raises(AssertionError):
        assert_same_weights(paths[0], paths[2])


@pytest.mark.parametrize("more", [(), ("--freeze-backbone",)], ids=["all", "frozen"])
def test_a_killed_run_resumes_to_the_same_weights(clips, options, start, tmp_path, more):
    """SIGKILL, twice: right after a checkpoint appeared, and some way into a later epoch."""
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    words = ("--epochs", "6", "--init", str(start), *more)
    settings = replace(options, epochs=6, freeze_backbone=bool(more))
    train(clips, whole, settings, model=MODEL, init=start)
    kill_when_written(command(clips, killed, *words), checkpoint_path(killed), delay_s=0.0)
    assert not killed.exists()
    resumed = (*words, "--resume")
    if not more:  # once is enough for the views of a frozen backbone
        kill_when_written(command(clips, killed, *resumed), checkpoint_path(killed), delay_s=0.15)
    done = subprocess.run(command(clips, killed, *resumed), capture_output=True, text=True, env=one_thread())
    assert done.returncode == 0, done.stderr
    assert "epochs before" in done.stdout
    assert_same_weights(whole, killed)
    leftovers = {path.name for path in tmp_path.iterdir() if path.name.startswith("killed")}
    assert leftovers == {"killed.safetensors", "killed.training.pt"}


def kill_when_written(arguments, path, delay_s):
    before = path.stat().st_mtime_ns if path.exists() else None
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, env=one_thread()) as process:
        while not path.exists() or path.stat().st_mtime_ns == before:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.002)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_two_processes_share_the_clips_and_write_one_model(clips, tmp_path):
    output = tmp_path / "m.safetensors"
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "--no-python",
    ]
    arguments = [*launch, *command(clips, output, "--epochs", "2", "--json")]
    done = subprocess.run(arguments, capture_output=True, text=True, env=one_thread())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"output"') == 1
    assert done.stderr.count("epoch 2") == 1
    assert load_checkpoint(output).spec.labels == ("left", "right")
    state = torch.load(checkpoint_path(output), weights_only=True)
    assert state["processes"] == 2
    # 10 clips, 2 processes, batches of 4: two steps an epoch in each.
    assert state["learner"]["step"] == 4


def test_unfinished_runs_are_not_overwritten(clips, options, tmp_path):
    output = tmp_path / "m.safetensors"
    checkpoint_path(output).write_bytes(b"of another run")
    with pytest.raises(UsageError, match=r"is an unfinished run for .*; give --resume, or delete it"):
        train(clips, output, options, model=MODEL)
    assert checkpoint_path(output).read_bytes() == b"of another run"


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"lr": 0.1}, "lr: None, not 0.1"), ({"validation_fraction": 0.5}, "validation fraction: 0.2, not 0.5")],
)
def test_a_resumed_run_must_be_the_same(clips, options, tmp_path, changed, words):
    output = tmp_path / "m.safetensors"
    train(clips, output, replace(options, epochs=1), model=MODEL)
    with pytest.raises(UsageError, match=words):
        train(clips, output, replace(options, epochs=1, **changed), model=MODEL, resume=True)


def test_init_keeps_the_classifier_only_for_the_same_classes(clips, options, tmp_path):
    save_checkpoint(
        build_model(MODEL, labels=("left", "right"), image_size=32), tmp_path / "same.safetensors"
    )
    save_checkpoint(build_model(MODEL, num_classes=5, image_size=32), tmp_path / "other.safetensors")
    slow = replace(options, epochs=1, lr=1e-9, head_lr_scale=1.0, ema_decay=0)
    for name, kept in (("same", True), ("other", False)):
        source, output = tmp_path / f"{name}.safetensors", tmp_path / "m.safetensors"
        report = train(clips, output, slow, init=source)
        before, after = load_checkpoint(source).backbone, load_checkpoint(output).backbone
        assert torch.allclose(before.features[3].conv[0].weight, after.features[3].conv[0].weight)
        assert ("its classifier kept" in report.start) == kept
        if kept:
            assert torch.allclose(before.classifier.weight, after.classifier.weight)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (
            {"init": "default", "model": "resnet18"},
            UsageError,
            "holds a mobilenetv2 of width 1, not resnet18",
        ),
        ({"init": "imagenet"}, UsageError, r"no ImageNet weights for mobilenetv2 in .*checkpoints; put"),
        ({"model": "vgg"}, UsageError, "unknown model 'vgg'; choose one of"),
        ({"device": "cuda"}, UsageError, "PyTorch finds 0 GPUs here; give --device cpu"),
        ({"options": TrainingOptions(image_size=33)}, UsageError, "image size 33"),
    ],
)
def test_mistakes_are_one_line_before_any_work(clips, tmp_path, monkeypatch, arguments, error, words):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    if arguments.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(error, match=words):
        train(clips, tmp_path / "m.safetensors", **arguments)
    assert not (tmp_path / "m.safetensors").exists()


def test_outputs_must_be_named_like_models(clips, tmp_path):
    with pytest.raises(UsageError, match=r"its name must end with .safetensors"):
        train(clips, tmp_path / "m.pth")


def test_one_class_is_nothing_to_learn(clips, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "left").symlink_to(clips / "left")
    with pytest.raises(DataError, match="clips of one class alone"):
        train(tmp_path / "data", tmp_path / "m.safetensors")
