"""A board as the road sees it, with an emulated Cortex-A57 behind a real sshd: pushed to, measured, not believed.

Its sessions say aarch64, and TSM_EDGE_EMULATOR, by which a machine tells that it emulates another one, is qemu.
"""

import platform
import shutil
from dataclasses import replace

import pytest
from remote_machines import running_sshd

from tsm_edge.errors import BundleMismatchError
from tsm_edge.export import compile_bundle
from tsm_edge.runtime.bench import BenchOptions
from tsm_edge.runtime.remote import SshConnection, benchmark_remotely, push_bundle
from tsm_edge.targets import get_target

EMULATOR = "qemu-aarch64 -cpu cortex-a57"

pytestmark = [
    pytest.mark.skipif(
        shutil.which("qemu-aarch64") is None,
        reason="qemu-aarch64 is missing; on Debian: apt-get install qemu-user",
    ),
    pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine needs no emulator for ARM"),
]


@pytest.fixture
def emulated_board(tmp_path, monkeypatch):
    with running_sshd(tmp_path, TSM_EDGE_EMULATOR=EMULATOR) as board:
        board.shim("uname", "case $1 in -m) echo aarch64 ;; -r) echo 4.9.253-tegra ;; *) echo Linux ;; esac")
        monkeypatch.setenv("PATH", board.path)
        yield board


@pytest.fixture
def promised(exported_once, tmp_path):
    """A bundle with the Nano's promise. Its own target will not do: a program that loads the GPU's driver wants the
    board's libraries."""
    target = replace(get_target("jetson-nano-cpu"), latency_target_ms=13.0)
    return compile_bundle(exported_once, target, tmp_path / "jetson-nano").bundle


def test_an_arm_bundle_is_pushed_compared_and_timed_but_not_judged(promised, emulated_board):
    options = BenchOptions(num_frames=4, warmup=1, threads=1)
    with SshConnection("board") as connection:
        record = benchmark_remotely(promised, connection, options)
    assert (emulated_board.home / "tsm-edge" / promised.path.name / "manifest.json").is_file()
    device, (measured,) = record.machine.device, record.backends
    assert device.name.startswith(f"{EMULATOR} (emulated) on ")
    assert (device.architecture, device.emulator) == ("aarch64", EMULATOR)
    assert 0 < measured.max_relative_error <= 1e-5
    assert len(measured.latency.samples_ms) == 4
    assert record.verdict.status == "not this device"
    assert "(emulated)" in record.verdict.sentence


def test_a_bundle_for_this_machine_is_not_pushed_there(bundle_for, emulated_board):
    with SshConnection("board") as connection:
        with pytest.raises(BundleMismatchError, match=r"compiled for host .*, board is aarch64, Linux"):
            push_bundle(bundle_for("host"), connection)
