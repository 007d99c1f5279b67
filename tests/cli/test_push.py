import shutil

import pytest
from remote_machines import fake_adb, rewritten, running_sshd

from tsm_edge.bundle import Bundle
from tsm_edge.runtime.bench import read_record
from tsm_edge.targets import TARGETS


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with running_sshd(tmp_path_factory.mktemp("sshd")) as machine:
        yield machine


@pytest.fixture
def for_phone(compiled_path, tmp_path):
    path = shutil.copytree(compiled_path, tmp_path / "for a phone")
    return rewritten(path, target=TARGETS["galaxy-note8"]).path


def test_to_a_board(tsm_edge, board, compiled_path):
    done = tsm_edge("push", compiled_path, "--ssh", "board:models", PATH=board.path)
    where, what = done.stdout.splitlines()
    path = board.home / "models" / compiled_path.name
    assert where == f"board:{path}"
    assert what.endswith("0 unchanged, compared by sha256sum")
    assert "copying weights.bin, " in done.stderr
    assert Bundle.open(path).check_files()
    again = tsm_edge("push", compiled_path, "--ssh", "board:models", PATH=board.path)
    assert again.stdout.splitlines()[1].startswith("0 files copied")
    assert again.stderr == ""


@pytest.mark.parametrize("options", [["--adb"], ["--adb", "ce0717170d"]], ids=" ".join)
def test_to_a_phone(tsm_edge, for_phone, tmp_path, options):
    adb = fake_adb(tmp_path, {})
    stdout = tsm_edge("push", for_phone, *options, PATH=adb.path).stdout
    assert stdout.startswith(f"adb ce0717170d:/data/local/tmp/tsm-edge/{for_phone.name}\n")
    assert Bundle.open(adb.state / "data" / "tsm-edge" / for_phone.name).check_files()


def test_bench_on_a_board_reports_as_if_here(tsm_edge, board, compiled_path, tmp_path):
    json_path = tmp_path / "record.json"
    options = ("--ssh", f"ssh://127.0.0.1:{board.port}/~/bench", "--frames", "5", "--warmup", "1")
    done = tsm_edge("bench", compiled_path, *options, "--json", json_path, PATH=board.path, COLUMNS="80")
    assert "latency, ms a frame" in done.stdout
    assert "over ssh" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    record = read_record(json_path)
    assert record.machine.way == "ssh"
    assert "--ssh HOST" in record.conditions.command
    assert "127.0.0.1" not in json_path.read_text()
    checked = tsm_edge("bench", compiled_path, *options, "--check", code=3, PATH=board.path)
    assert "copying" not in checked.stderr


def test_bench_on_a_phone_judges_there(tsm_edge, for_phone, tmp_path):
    adb = fake_adb(tmp_path, {"ro.product.model": "SM-N950F"})
    done = tsm_edge("bench", for_phone, "--adb", "--frames", "5", "--check", PATH=adb.path, COLUMNS="200")
    assert done.stdout.splitlines()[-1].startswith("pass: galaxy-note8 promises 35 ms")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--ssh", "board"], 2, "name the bundle that the other machine is to run"),
        (["{bundle}", "--affinity"], 2, "--affinity goes with --ssh or --adb"),
        (["{bundle}", "--ssh", "board", "--profile"], 2, "--profile: another machine"),
        (["{bundle}", "--adb", "--check"], 1, "the bundle was compiled for host"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_of_bench_are_one_line(tsm_edge, board, compiled_path, tmp_path, arguments, code, message):
    path = f"{fake_adb(tmp_path, {}).path}:{board.path}"
    given = [argument.format(bundle=compiled_path) for argument in arguments]
    stderr = tsm_edge("bench", *given, code=code, PATH=f"{board.folder}/bin:{path}").stderr
    assert message in stderr.splitlines()[-1]
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "give one of --ssh user@host and --adb [SERIAL]"),
        (["--ssh", "board", "--adb"], 2, "give one of --ssh user@host and --adb [SERIAL]"),
        (["--ssh", "-oProxyCommand=true"], 2, "no ssh address: '-oProxyCommand=true'"),
        (["--ssh", "ssh://127.0.0.1:1"], 1, "cannot reach 127.0.0.1"),
        (["--adb", "other"], 1, "no phone other on adb (here: ce0717170d)"),
        (["--adb"], 1, "the bundle was compiled for host"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_are_one_line(tsm_edge, compiled_path, tmp_path, options, code, message):
    adb = fake_adb(tmp_path, {})
    stderr = tsm_edge("push", compiled_path, *options, code=code, PATH=adb.path).stderr
    assert message in stderr
    assert stderr.startswith("tsm-edge: ")
    assert stderr.count("\n") == 1
