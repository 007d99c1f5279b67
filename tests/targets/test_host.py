import os
import platform

import pytest

from tsm_edge.errors import UnknownTargetError
from tsm_edge.targets import get_target, host_target, missing_here
from tsm_edge.targets.host import _V2_FLAGS, _V3_FLAGS, _V4_FLAGS

FLAGS = {"x86-64-v2": _V2_FLAGS, "x86-64-v3": _V3_FLAGS, "x86-64-v4": _V4_FLAGS}


@pytest.fixture
def machine(monkeypatch):
    """Pretend to be another machine with these processors in reach."""

    def pretend(system: str, machine: str, usable: set[int]) -> None:
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: usable, raising=False)

    return pretend


@pytest.fixture
def cpuinfo(tmp_path):
    """Write a /proc/cpuinfo with one processor for each given core."""

    def write(flags: set[str], cores: list[int]) -> object:
        blocks = [
            f"processor\t: {i}\nphysical id\t: 0\ncore id\t\t: {core}\nflags\t\t: fpu {' '.join(flags)}\n"
            for i, core in enumerate(cores)
        ]
        (tmp_path / "cpuinfo").write_text("\n".join(blocks))
        return tmp_path / "cpuinfo"

    return write


@pytest.mark.parametrize("level", FLAGS)
def test_flags_choose_the_level(machine, cpuinfo, level):
    machine("Linux", "x86_64", {0})
    host = host_target(cpuinfo(FLAGS[level], [0]))
    assert (host.name, host.cpu) == ("host", level)
    assert level in host.description


@pytest.mark.parametrize("missing", sorted(_V3_FLAGS - _V2_FLAGS))
def test_one_missing_flag_is_a_lower_level(machine, cpuinfo, missing):
    machine("Linux", "x86_64", {0})
    assert host_target(cpuinfo(_V4_FLAGS - {missing}, [0])).cpu == "x86-64-v2"


def test_too_old_processor_is_told_what_it_lacks(machine, cpuinfo):
    machine("Linux", "x86_64", {0})
    with pytest.raises(UnknownTargetError, match=r"lacks popcnt, sse4_2; x86-64-v2"):
        host_target(cpuinfo(_V2_FLAGS - {"popcnt", "sse4_2"}, [0]))


@pytest.mark.parametrize(
    ("cores", "usable", "threads"),
    [
        ([0, 1, 2, 3], {0, 1, 2, 3}, 4),
        ([0, 0, 1, 1], {0, 1, 2, 3}, 2),  # two hyper-threads a core
        ([0, 1, 2, 3], {1}, 1),  # taskset
        ([0, 0, 1, 1], {0, 2}, 2),
    ],
)
def test_threads_are_the_usable_cores(machine, cpuinfo, cores, usable, threads):
    machine("Linux", "x86_64", usable)
    assert host_target(cpuinfo(_V3_FLAGS, cores)).threads == threads


def test_arm_host_has_neither_core_ids_nor_bionic(machine, tmp_path):
    machine("Linux", "aarch64", {0, 1, 2, 3})
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\nCPU part\t: 0xd08\n\nprocessor\t: 1\nCPU part\t: 0xd08\n"
    )
    host = host_target(tmp_path / "cpuinfo")
    assert (host.triple, host.libc, host.threads) == ("aarch64-linux-gnu", "gnu", 4)


@pytest.mark.parametrize(
    ("system", "name"), [("Darwin", "arm64"), ("Windows", "AMD64"), ("Linux", "riscv64")]
)
def test_other_machines_are_named(machine, cpuinfo, system, name):
    machine(system, name, {0})
    with pytest.raises(UnknownTargetError, match=f"no host target for {system} on "):
        host_target(cpuinfo(_V3_FLAGS, [0]))


def test_without_proc_the_error_is_still_one_of_ours(machine, tmp_path):
    machine("Linux", "x86_64", {0})
    with pytest.raises(UnknownTargetError, match="lacks"):
        host_target(tmp_path / "nowhere")


@pytest.mark.skipif(platform.system() != "Linux", reason="this machine's own entry is known on Linux alone")
def test_this_machine_has_a_target():
    host = get_target("host")
    assert host.architecture == platform.machine()
    assert 1 <= host.threads <= (os.cpu_count() or 1)
    assert not host.note


class TestMissingHere:
    def test_nothing_for_this_machine(self):
        assert missing_here(host_target()) == ()

    @pytest.mark.parametrize(
        ("target", "missing"),
        [
            ("jetson-nano", ("aarch64-linux (this is x86_64-linux)",)),
            ("android-arm64", ("aarch64-android (this is x86_64-linux)",)),
            ("x86-64-v2", ()),
            ("x86-64-v3", ()),
            ("x86-64-v4", tuple(sorted(_V4_FLAGS - _V3_FLAGS))),
        ],
    )
    def test_on_a_pc_with_avx2(self, machine, cpuinfo, target, missing):
        machine("Linux", "x86_64", {0})
        assert missing_here(get_target(target), cpuinfo(_V3_FLAGS, [0])) == missing

    @pytest.mark.parametrize(
        ("target", "missing"),
        [
            ("raspberry-pi-4", ()),
            ("raspberry-pi-5", ("asimddp", "asimdhp", "atomics", "fphp")),
            ("galaxy-note8", ("aarch64-android (this is aarch64-linux)",)),
            ("x86-64-v2", ("x86_64-linux (this is aarch64-linux)",)),
        ],
    )
    def test_on_an_armv8_board(self, machine, tmp_path, target, missing):
        machine("Linux", "aarch64", {0})
        (tmp_path / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 cpuid\n")
        assert missing_here(get_target(target), tmp_path / "cpuinfo") == missing

    def test_without_proc_nothing_is_known_against_it(self, machine, tmp_path):
        machine("Linux", "aarch64", {0})
        assert missing_here(get_target("raspberry-pi-5"), tmp_path / "nowhere") == ()
