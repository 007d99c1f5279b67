import gc
import os
import signal
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from small_network import small_network

from tsm_edge.bundle import C_HEADER, LIBRARY, ONNX_MODEL, RUN_TOOL, WEIGHTS, Bundle
from tsm_edge.errors import CompileError, OutputError, UnknownTargetError, UsageError
from tsm_edge.export import STAGES, compile_bundle, default_output
from tsm_edge.manifest import MANIFEST_NAME
from tsm_edge.runtime import Session
from tsm_edge.runtime.verify import verify_bundle
from tsm_edge.targets import TARGETS, host_target


@pytest.fixture
def small_bundle(bundle_for):
    return bundle_for("host")


def hidden(directory):
    """What is left beside a bundle."""
    return [path.name for path in directory.iterdir() if path.name.startswith(".")]


# What is written.


def test_bundle_holds_every_file_whole(small_bundle):
    assert small_bundle.check_files() == 9
    names = set(small_bundle.manifest.files)
    on_disk = {path.name for path in small_bundle.path.iterdir()}
    assert on_disk == names | {MANIFEST_NAME}
    assert {LIBRARY, WEIGHTS, ONNX_MODEL, RUN_TOOL, C_HEADER} <= names


def test_manifest_says_what_was_built(small_bundle, small):
    manifest = small_bundle.manifest
    assert manifest.model == small.spec
    assert manifest.target == host_target()
    assert (manifest.precision, manifest.threads) == ("fp32", host_target().threads)
    assert manifest.weight_bytes == (small_bundle.path / WEIGHTS).stat().st_size
    assert manifest.arena_bytes > 16 * 16 * 16 * 4
    assert manifest.versions["apache-tvm"] == metadata.version("apache-tvm")
    assert manifest.verification.method == "native"
    assert 0 < manifest.verification.max_relative_error <= 1e-5
    assert {kernel.rule for kernel in manifest.kernels} >= {"inverted-residual", "save-shift", "dense"}


def test_flop_of_all_kernels_is_that_of_the_network(small_bundle, small):
    """Twice the multiply-adds of all convolutions and of the classifier, counted on the torch model."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    streaming = small.streaming()
    with counter, torch.inference_mode():
        streaming(torch.zeros(small.spec.input_shape), *streaming.initial_state())
    rules = {"convolution", "inverted-residual", "pointwise", "depthwise", "dense"}
    flop = sum(kernel.flop for kernel in small_bundle.manifest.kernels if kernel.rule in rules)
    assert flop == counter.get_total_flops()


def test_bundle_runs_and_verifies(small_bundle):
    report = verify_bundle(small_bundle.path)
    assert report.num_frames == len(small_bundle.golden_frames)
    with Session.load(small_bundle.path) as session:
        prediction = session.open_stream().step(np.zeros((50, 60, 3), np.uint8))
    assert prediction.label in small_bundle.manifest.model.labels


def test_stages_are_announced_in_order_and_timed(exported_once, tmp_path):
    said = []
    report = compile_bundle(exported_once, host_target(), tmp_path / "bundle", on_stage=said.append)
    assert tuple(said) == STAGES == tuple(report.seconds)
    assert all(seconds > 0 for seconds in report.seconds.values())
    assert hidden(tmp_path) == []


def test_same_network_gives_the_same_files(exported_once, small_bundle, tmp_path):
    again = compile_bundle(exported_once, host_target(), tmp_path / "bundle").bundle
    assert again.manifest.files == small_bundle.manifest.files


def test_second_compile_replaces_the_first(exported_once, tmp_path):
    path = tmp_path / "bundle"
    compile_bundle(exported_once, host_target(), path)
    (path / "left over").touch()
    report = compile_bundle(exported_once, host_target(), path, threads=3)
    assert report.bundle.manifest.threads == Bundle.open(path).manifest.threads == 3
    assert not (path / "left over").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(("image_size", "model"), [(224, "small"), (112, "small-112px")])
def test_default_output_names_model_target_and_precision(small, image_size, model):
    spec = replace(small.spec, preprocess=replace(small.spec.preprocess, crop_size=image_size))
    expected = Path(f"dist/{model}-raspberry-pi-5-fp32")
    assert default_output(spec, TARGETS["raspberry-pi-5"], "fp32") == expected


def test_more_cores_than_the_library_starts_threads_are_no_error(exported_once, tmp_path):
    target = replace(host_target(), threads=128)
    assert compile_bundle(exported_once, target, tmp_path / "bundle").bundle.manifest.threads == 64


def test_target_and_its_note_travel(bundle_for):
    assert bundle_for("jetson-nano").manifest.target == TARGETS["jetson-nano"]
    target = bundle_for("galaxy-note8").manifest.target
    assert target == TARGETS["galaxy-note8"]
    assert target.note


# What is refused, and what is left then.


def test_kernel_that_no_rule_schedules_is_named_and_refused_when_strict(tmp_path):
    network = small_network(groups=4)
    with pytest.raises(CompileError, match=r"--strict: no rule schedules 3x3/1 24->24 at 8x8, 4 groups"):
        compile_bundle(network, host_target(), tmp_path / "bundle", strict=True)
    assert list(tmp_path.iterdir()) == []
    manifest = compile_bundle(network, host_target(), tmp_path / "bundle").bundle.manifest
    assert "unscheduled" in {kernel.rule for kernel in manifest.kernels}
    assert manifest.verification.max_relative_error <= 1e-5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "int8"}, "unknown precision 'int8'; choose one of fp32, fp16"),
        ({"precision": "fp16"}, "fp16 is arithmetic of GPUs and host uses none; take fp32"),
        ({"threads": 0}, "0 threads; choose 1 to 64"),
        ({"threads": 65}, "65 threads"),
        ({"threads": -1}, "-1 threads"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_done(small, tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        compile_bundle(small, host_target(), tmp_path / "bundle", **options, on_stage=pytest.fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("stage", "before"), [*((stage, True) for stage in STAGES), (STAGES[-1], False)], ids=str
)
def test_interruption_leaves_the_old_bundle_or_none(exported_once, small_bundle, tmp_path, stage, before):
    path = tmp_path / "bundle"
    if before:
        path.mkdir()
        for file in small_bundle.path.iterdir():
            os.link(file, path / file.name)

    def interrupt(name):
        if name == stage:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        compile_bundle(exported_once, host_target(), path, threads=2, on_stage=interrupt)
    assert hidden(tmp_path) == []
    assert path.exists() == before
    if before:
        assert Bundle.open(path).manifest == small_bundle.manifest


def test_interruption_in_the_middle_of_tvm_is_quiet(exported_once, tmp_path, capfd):
    interrupted_at = []

    def interrupt(frame, event, _):
        if (
            event == "call" and frame.f_code.co_name == "_construct_nodes"
        ):  # TVM's: its builder is at work then
            sys.setprofile(None)
            interrupted_at.append(frame.f_code.co_filename)
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            compile_bundle(exported_once, host_target(), tmp_path / "bundle")
    finally:
        sys.setprofile(None)
    gc.collect()  # TVM speaks when its objects go
    assert [Path(name).name for name in interrupted_at] == ["onnx_frontend.py"]
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_folder_of_other_files_is_not_replaced(small, tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="will not replace"):
        compile_bundle(small, host_target(), tmp_path, on_stage=pytest.fail)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_output_that_is_a_file(small, tmp_path):
    (tmp_path / "bundle").touch()
    with pytest.raises(OutputError, match="a file of that name is in the way"):
        compile_bundle(small, host_target(), tmp_path / "bundle", on_stage=pytest.fail)


def test_processor_that_llvm_does_not_know_is_refused_before_anything_is_done(small, tmp_path):
    target = replace(host_target(), cpu="nonsense")
    with pytest.raises(UnknownTargetError, match="no processor 'nonsense'"):
        compile_bundle(small, target, tmp_path / "bundle", on_stage=pytest.fail)
    assert list(tmp_path.iterdir()) == []
