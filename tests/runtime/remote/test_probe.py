"""What a machine shows of itself, over real connections and as boards that are not here would answer."""

import pytest

from tsm_edge.errors import RemoteError
from tsm_edge.runtime.device import is_target, recognise_device
from tsm_edge.runtime.device_state import Battery, seen_throttling
from tsm_edge.runtime.remote import AdbConnection, SshConnection
from tsm_edge.runtime.remote.connection import Connection
from tsm_edge.runtime.remote.probe import look_at
from tsm_edge.targets import TARGETS

NANO = {
    "/proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd evtstrm aes\nCPU part\t: 0xd07\n",
    "/proc/loadavg": "0.31 0.2 0.1 1/300 999\n",
    "/proc/stat": "cpu  100 1 20 1000 5 0 2 0 0 0\n",
    "/etc/os-release": 'PRETTY_NAME="Ubuntu 18.04.6 LTS"\n',
    "/proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0",
    "/proc/device-tree/compatible": "nvidia,p3449-0000-b00+p3448-0000-b00\0nvidia,jetson-nano\0nvidia,tegra210\0",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1479000\n",
    "/sys/class/thermal/thermal_zone1/type": "CPU-therm\n",
    "/sys/class/thermal/thermal_zone1/temp": "41500\n",
    "/sys/class/thermal/cooling_device0/type": "thermal-cpufreq\n",
    "/sys/class/thermal/cooling_device0/cur_state": "1\n",
}
FACTS = "machine=aarch64\nkernel=Linux 4.9.253-tegra\ncores=4\nemulator=\n"


class Answering(Connection):
    """A machine that gives one answer."""

    way, name, folder = "ssh", "board", "tsm-edge"

    def __init__(self, facts, files):
        self._said = facts + "".join(f"\n=@= {name}\n{content}" for name, content in files.items())

    def run(self, script):
        raise NotImplementedError

    def ask(self, script):
        return self._said

    def send(self, file, remote):
        raise NotImplementedError

    def close(self):
        pass


def test_a_jetson_nano_is_recognised():
    look = look_at(Answering(FACTS, NANO))
    assert look.device.name == "NVIDIA Jetson Nano Developer Kit"
    assert (look.device.soc, look.device.architecture, look.device.cores) == ("tegra210", "aarch64", 4)
    assert look.device.system == "Ubuntu 18.04.6 LTS, Linux 4.9.253"
    assert is_target(look.device, TARGETS["jetson-nano"])
    assert look.state.governors == ("schedutil",)
    assert look.state.clocks_mhz == (1479.0,)
    assert look.state.temperatures_c == {"CPU-therm": 41.5}
    assert look.state.load_1m == 0.31
    assert seen_throttling(look.state, look.state) is True


def test_an_emulated_nano_is_no_nano():
    facts = FACTS.replace("emulator=", "emulator=qemu-aarch64 -cpu cortex-a57")
    device = look_at(Answering(facts, NANO)).device
    assert device.name == "qemu-aarch64 -cpu cortex-a57 (emulated) on NVIDIA Jetson Nano Developer Kit"
    assert not is_target(device, TARGETS["jetson-nano"])


def test_files_elsewhere_are_not_written(tmp_path):
    name = f"/../../../../../../../..{tmp_path}/planted"
    look_at(Answering(FACTS, {name: "x", "relative": "x", f"{tmp_path}/../{tmp_path.name}/planted": "x"}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("facts", ["", "hello\n", FACTS.replace("cores=4", "cores=many")])
def test_a_machine_that_says_something_else(facts):
    with pytest.raises(RemoteError, match="board does not tell what it is"):
        look_at(Answering(facts, {}))


def test_this_machine_is_recognised_through_ssh_as_it_is_by_itself(board):
    with SshConnection("board") as connection:
        look = look_at(connection)
    here = recognise_device()
    assert (look.device.name, look.device.architecture, look.device.system) == (
        here.name,
        here.architecture,
        here.system,
    )
    assert look.state.load_1m is not None
    assert look.state.cpu_ticks


def test_a_phone_is_asked_for_its_properties_and_battery(phone):
    phone.program(
        "dumpsys", "echo 'Current Battery Service state:\n  status: 5\n  level: 97\n  temperature: 305'"
    )
    with AdbConnection() as connection:
        look = look_at(connection)
    assert (look.device.name, look.device.soc) == ("SM-N950F", "exynos8895")
    assert look.device.system == "Android 9, Linux 4.4.13"
    assert is_target(look.device, TARGETS["galaxy-note8"])
    assert look.state.battery == Battery(percent=97, charging=True, temperature_c=30.5)
