from pathlib import Path

from tsm_edge.runtime.device_state import (
    Battery,
    DeviceState,
    battery_of_dumpsys,
    read_device_state,
    seen_throttling,
    stolen_share,
)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


BOARD = {
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1479000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "schedutil\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "102000\n",
    "sys/class/thermal/thermal_zone0/type": "CPU-therm\n",
    "sys/class/thermal/thermal_zone0/temp": "47500\n",
    "sys/class/thermal/thermal_zone1/type": "PMIC-Die\n",
    "sys/class/thermal/thermal_zone1/temp": "-500\n",
    "sys/class/thermal/cooling_device0/type": "thermal-cpufreq-0\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "sys/class/thermal/cooling_device1/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device1/cur_state": "3\n",
    "proc/stat": "cpu  100 1 20 1000 5 0 2 12 0 0\ncpu0 50 0 10 500 2 0 1 6 0 0\n",
}


def test_board_tells_clock_heat_and_ticks(tmp_path):
    state = read_device_state(write(tmp_path, BOARD))
    assert state.governors == ("schedutil",)
    assert state.clocks_mhz == (1479.0, 102.0)
    assert state.temperatures_c == {"CPU-therm": 47.5, "PMIC-Die": -0.5}
    assert state.is_limited is False  # a fan that turns holds nothing back
    assert state.cpu_ticks == (1140, 12)


def test_machine_that_tells_nothing_is_no_error(tmp_path):
    state = read_device_state(tmp_path)
    assert (state.governors, state.temperatures_c, state.is_limited, state.cpu_ticks) == ((), {}, None, None)
    assert seen_throttling(state, state) is None
    assert stolen_share(state, state) is None


def test_this_machine_can_be_read_twice():
    before, after = read_device_state(), read_device_state()
    assert after.load_1m is not None
    share = stolen_share(before, after)
    assert share is None or 0 <= share <= 1


def test_cooled_processor_is_throttled(tmp_path):
    write(tmp_path, {**BOARD, "sys/class/thermal/cooling_device0/cur_state": "2\n"})
    assert seen_throttling(DeviceState(), read_device_state(tmp_path)) is True


def test_raspberry_pi_tells_limits_of_now_apart_from_old_ones(tmp_path):
    bits = "sys/devices/platform/soc/soc:firmware/get_throttled"
    assert (
        read_device_state(write(tmp_path, {bits: "50000\n"})).is_limited is False
    )  # since the start, not now
    assert read_device_state(write(tmp_path, {bits: "50005\n"})).is_limited is True


def test_load_is_read_below_the_root(tmp_path):
    assert read_device_state(write(tmp_path, {"proc/loadavg": "1.25 0.5 0.1 2/300 4711\n"})).load_1m == 1.25
    assert read_device_state(tmp_path / "none").load_1m is None


def test_battery_of_the_machine_and_none_of_a_mouse(tmp_path):
    mouse, own = "sys/class/power_supply/hid-1", "sys/class/power_supply/BAT0"
    files = {f"{mouse}/type": "Battery\n", f"{mouse}/scope": "Device\n", f"{mouse}/capacity": "5\n"}
    assert read_device_state(write(tmp_path, files)).battery is None
    files = {f"{own}/type": "Battery\n", f"{own}/capacity": "81\n", f"{own}/status": "Discharging\n"}
    assert read_device_state(write(tmp_path, files)).battery == Battery(percent=81, charging=False)


def test_battery_of_a_phone():
    said = (
        "Current Battery Service state:\n  AC powered: false\n  status: 2\n  level: 64\n  temperature: 312\n"
    )
    assert battery_of_dumpsys(said) == Battery(percent=64, charging=True, temperature_c=31.2)
    assert battery_of_dumpsys("Can't find service: battery") is None


def test_growing_count_is_throttling(tmp_path):
    count = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
    before = read_device_state(write(tmp_path, {count: "7\n"}))
    after = read_device_state(write(tmp_path, {count: "8\n"}))
    assert seen_throttling(before, before) is False
    assert seen_throttling(before, after) is True


def test_stolen_time_is_counted_between_two_looks():
    before, after = DeviceState(cpu_ticks=(1000, 10)), DeviceState(cpu_ticks=(1200, 60))
    assert stolen_share(before, after) == 0.25
