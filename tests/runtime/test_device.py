"""Devices are recognised from trees that hold what each kind of system shows of itself."""

from pathlib import Path

import pytest

from tsm_edge.runtime.device import Facts, is_target, recognise_device
from tsm_edge.targets import TARGETS, get_target


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


JETSON_NANO = {"proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0"}
JETSON_ORIN_NANO = {"proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0"}
RASPBERRY_PI_4 = {
    "sys/firmware/devicetree/base/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/cpuinfo": "processor\t: 0\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
}
RASPBERRY_PI_5_WITHOUT_TREE = {"proc/cpuinfo": "processor\t: 0\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"}
PC = {
    "sys/class/dmi/id/sys_vendor": "LENOVO\n",
    "sys/class/dmi/id/product_name": "21HMCTO1WW\n",
    "proc/cpuinfo": "model name\t: 13th Gen Intel(R) Core(TM) i7-1370P\nflags\t\t: fpu sse avx\n",
}


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (JETSON_NANO, "NVIDIA Jetson Nano Developer Kit"),
        (JETSON_ORIN_NANO, "NVIDIA Jetson Orin Nano Developer Kit"),
        (RASPBERRY_PI_4, "Raspberry Pi 4 Model B Rev 1.4"),
        (RASPBERRY_PI_5_WITHOUT_TREE, "Raspberry Pi 5 Model B Rev 1.0"),
        (PC, "LENOVO 21HMCTO1WW"),
    ],
)
def test_board_or_computer_is_named_in_its_makers_words(tmp_path, files, name):
    assert recognise_device(write(tmp_path, files)).name == name


def test_phone_is_asked_with_getprop(tmp_path):
    write(tmp_path, {"system/bin/getprop": '#!/bin/sh\n[ "$1" = ro.product.model ] && echo SM-N950F\n'})
    (tmp_path / "system/bin/getprop").chmod(0o755)
    device = recognise_device(tmp_path)
    assert device.name == "SM-N950F"
    assert is_target(device, TARGETS["galaxy-note8"])


def test_chip_is_named_by_the_device_tree_or_by_android(tmp_path):
    tree = {"proc/device-tree/compatible": "nvidia,jetson-nano\0nvidia,tegra210\0"}
    assert recognise_device(write(tmp_path, JETSON_NANO | tree)).soc == "tegra210"
    properties = {
        "ro.product.model": "SM-N950F",
        "ro.hardware": "samsungexynos8895",
        "ro.build.version.release": "9",
    }
    facts = Facts(architecture="aarch64", cores=8, kernel="Linux 4.4.13-99", properties=properties)
    phone = recognise_device(tmp_path / "none", facts)
    assert (phone.name, phone.soc, phone.system) == (
        "SM-N950F",
        "samsungexynos8895",
        "Android 9, Linux 4.4.13",
    )


def test_emulated_device_is_no_board(tmp_path):
    facts = Facts(architecture="aarch64", cores=4, kernel="Linux 4.9", emulator="qemu-aarch64")
    device = recognise_device(write(tmp_path, JETSON_NANO), facts)
    assert device.name == "qemu-aarch64 (emulated) on NVIDIA Jetson Nano Developer Kit"
    assert not is_target(device, TARGETS["jetson-nano"])


def test_getprop_that_cannot_run_is_no_error(tmp_path):
    write(tmp_path, {"system/bin/getprop": "not a program", **RASPBERRY_PI_5_WITHOUT_TREE})
    assert recognise_device(tmp_path).name.startswith("Raspberry Pi 5")


def test_processor_stands_in_where_no_maker_left_a_name(tmp_path):
    device = recognise_device(write(tmp_path, {"proc/cpuinfo": PC["proc/cpuinfo"]}))
    assert device.name == device.cpu == "13th Gen Intel(R) Core(TM) i7-1370P"


def test_machine_that_tells_nothing_still_has_a_name(tmp_path):
    device = recognise_device(tmp_path)
    assert device.name
    assert device.cores >= 1


def test_hypervisor_is_seen(tmp_path):
    files = {"proc/cpuinfo": "model name : AMD EPYC\nflags : fpu hypervisor avx2\n"}
    assert recognise_device(write(tmp_path, files)).virtual
    assert not recognise_device(write(tmp_path, PC)).virtual


def test_distribution_is_part_of_the_system(tmp_path):
    write(tmp_path, {"etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'})
    assert recognise_device(tmp_path).system.startswith("Debian GNU/Linux 12 (bookworm), ")


@pytest.mark.parametrize(
    ("files", "targets"),
    [
        (JETSON_NANO, {"jetson-nano", "jetson-nano-cpu"}),
        (JETSON_ORIN_NANO, {"jetson-orin-nano", "jetson-orin-nano-cpu"}),
        (RASPBERRY_PI_4, {"raspberry-pi-4"}),
        (RASPBERRY_PI_5_WITHOUT_TREE, {"raspberry-pi-5"}),
        (PC, set()),
    ],
)
def test_device_is_no_other_boards_target(tmp_path, files, targets):
    device = recognise_device(write(tmp_path, files))
    assert {name for name, target in TARGETS.items() if is_target(device, target)} == targets


def test_host_names_no_board(tmp_path):
    assert not is_target(recognise_device(), get_target("host"))
