import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_network import small_network

import tsm_edge.export
from tsm_edge.bundle import Bundle
from tsm_edge.cli.compile import command
from tsm_edge.cli.main import main
from tsm_edge.export import build_model, save_checkpoint
from tsm_edge.targets import TARGETS, host_target

LABELS = ("Daumen hoch", "nichts", "wischen")


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(monkeypatch, in_folder):
    """Compile the small network instead of a named one, in this process; returns what was printed."""
    network = small_network()
    monkeypatch.setattr(tsm_edge.export, "open_model", lambda *_: network, raising=False)

    def compile_(*arguments):
        done = CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    return compile_


def test_checkpoint_with_labels_becomes_a_strict_bundle_in_dist(tsm_edge, in_folder):
    save_checkpoint(build_model("mobilenetv2-0.5", num_classes=3, image_size=32), "small.safetensors")
    Path("labels.txt").write_text("\n".join(LABELS), encoding="utf-8")
    options = ("--target", "host", "--checkpoint", "small.safetensors", "--labels", "labels.txt")
    done = tsm_edge("compile", *options, "--strict", "--threads", 2, "--json")
    report = json.loads(done.stdout)
    assert done.stderr == ""
    bundle = Bundle.open(report["bundle"])
    assert report["bundle"] == f"dist/{bundle.manifest.model.name}-32px-host-fp32"
    assert report["manifest"] == json.loads((bundle.path / "manifest.json").read_text())
    assert sum(report["seconds"].values()) > 0
    assert bundle.manifest.model.labels == LABELS
    assert bundle.manifest.threads == 2
    assert [path.name for path in Path("dist").iterdir()] == [bundle.path.name]


def test_report_names_every_kernel_its_rule_and_what_was_verified(small):
    shown = small("--target", "host", "--output", "bundle").stdout
    manifest = Bundle.open("bundle").manifest
    assert {kernel.rule for kernel in manifest.kernels} <= set(shown.split())
    assert "untrained weights" in shown
    assert f"{host_target().threads} threads" in shown
    assert "native: 8 frames equal ONNX Runtime's within" in shown
    assert f"arena {manifest.arena_bytes / 1e6:.1f} MB" in shown
    # A row of the table ends in how often the kernel is called and in its MFLOP.
    calls = re.findall(r" (\d+) +\d+\.\d *$", shown, re.MULTILINE)
    assert sum(map(int, calls)) == len(manifest.kernels)


def test_target_with_a_gpu_tells_of_both_halves(small):
    shown = " ".join(small("--target", "jetson-nano", "--precision", "fp16").stdout.split())
    manifest = Bundle.open("dist/small-32px-jetson-nano-fp16").manifest
    assert TARGETS["jetson-nano"].description in shown
    assert manifest.gpu is not None
    assert f"{len(manifest.gpu.kernels)} launches for sm_53 and newer, PTX 6.5, at most " in shown
    assert " registers, 0 bytes spilled; arena" in shown
    assert f"processor {manifest.verification.method}" in shown
    assert "GPU not run: this machine cannot run code for the target" in shown


def test_raw_tvm_target(small):
    raw = '{"kind":"llvm","mtriple":"aarch64-linux-gnu","mcpu":"cortex-a53","mattr":["+neon"],"num-cores":2}'
    small("--target", raw, "--output", "bundle")
    target = Bundle.open("bundle").manifest.target
    assert (target.name, target.cpu, target.threads) == ("custom-cortex-a53", "cortex-a53", 2)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Missing option '--target'"),
        (["--target", "jetson"], 2, "unknown target 'jetson'; choose one of host, cuda, android-arm64,"),
        (
            ["--target", '{"kind":"llvm"}'],
            2,
            "missing required field `mtriple`; expected a TVM target such as",
        ),
        (["--target", "host", "--precision", "int8"], 2, "'int8' is not one of 'fp32', 'fp16'"),
        (["--target", "host", "--precision", "fp16"], 2, "fp16 is arithmetic of GPUs and host uses none"),
        (["--target", "host", "--arch", "sm_75"], 2, "--arch sm_75 goes with --target cuda"),
        (
            ["--target", "cuda", "--arch", "sm_35"],
            2,
            "unknown GPU architecture 'sm_35'; choose one of sm_53,",
        ),
        (["--target", "host", "--threads", "0"], 2, "0 is not in the range 1<=x<=64"),
        (["--target", "host", "--model", "vgg"], 2, "unknown model 'vgg'; choose one of mobilenetv2,"),
        (["--target", "host", "--model", "resnet18", "--checkpoint", "x.pth"], 2, "give one"),
        (["--target", "host", "--checkpoint", "x.pth"], 1, "cannot read x.pth: No such file"),
        (["--target", "host", "--labels", "x.txt"], 2, "x.txt"),
        (
            ["--target", "host", "--model", "mobilenetv2-0.5", "--output", "file"],
            1,
            "a file of that name is in the way",
        ),
        (["--target", "host", "--model", "mobilenetv2-0.5", "--output", "."], 1, "will not replace"),
    ],
    ids=str,
)
def test_errors_are_one_line_and_nothing_is_written(in_folder, capsys, arguments, code, said):
    Path("file").touch()
    with pytest.raises(SystemExit) as caught:
        main(["compile", *arguments])
    printed = capsys.readouterr()
    assert caught.value.code == code
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("tsm-edge: ")
    assert said in printed.err
    assert printed.out == ""
    assert [path.name for path in in_folder.iterdir()] == ["file"]


def test_strict_refuses_a_kernel_without_a_rule(monkeypatch, in_folder, capsys):
    network = small_network(groups=4)
    monkeypatch.setattr(tsm_edge.export, "open_model", lambda *_: network, raising=False)
    with pytest.raises(SystemExit) as caught:
        main(["compile", "--target", "host", "--strict"])
    assert caught.value.code == 1
    assert capsys.readouterr().err == "tsm-edge: --strict: no rule schedules 3x3/1 24->24 at 8x8, 4 groups\n"
    assert list(Path("dist").iterdir()) == []


STOPPED = """
import sys
sys.path.append({tests!r})
import tsm_edge.export
from small_network import small_network
from tsm_edge.cli.main import main
network = small_network()
tsm_edge.export.open_model = lambda *_: network
main(["compile", "--target", "host"])
"""


def test_stopped_in_the_middle_it_leaves_nothing(in_folder):
    code = STOPPED.format(tests=str(Path(__file__).parents[1]))
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list(Path("dist").glob(".*/model.onnx")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read().strip() == "tsm-edge: interrupted; nothing was half written"
    assert list(Path("dist").iterdir()) == []
