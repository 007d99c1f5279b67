"""Rails as Jetson's two kinds of kernel show them, in a folder."""

import time
from pathlib import Path

import pytest

from tsm_edge.runtime.device_power import PowerRail, find_power_rail, measure_energy


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


NANO_FOLDER = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
NANO = {
    f"{NANO_FOLDER}/rail_name_0": "POM_5V_IN\n",
    f"{NANO_FOLDER}/in_power0_input": "4200\n",
    f"{NANO_FOLDER}/rail_name_1": "POM_5V_GPU\n",
    f"{NANO_FOLDER}/in_power1_input": "800\n",
}
ORIN_FOLDER = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"
ORIN = {
    f"{ORIN_FOLDER}/in1_label": "VDD_IN\n",
    f"{ORIN_FOLDER}/in1_input": "5000\n",
    f"{ORIN_FOLDER}/curr1_input": "1500\n",
    f"{ORIN_FOLDER}/in2_label": "VDD_SOC\n",
    f"{ORIN_FOLDER}/in2_input": "5000\n",
    f"{ORIN_FOLDER}/curr2_input": "100\n",
}


@pytest.mark.parametrize(("files", "name", "power_w"), [(NANO, "POM_5V_IN", 4.2), (ORIN, "VDD_IN", 7.5)])
def test_rail_of_the_whole_module_is_found(tmp_path, files, name, power_w):
    rail = find_power_rail(write(tmp_path, files))
    assert rail is not None
    assert (rail.name, rail.power_w()) == (name, pytest.approx(power_w))


def test_board_without_a_whole_rail_has_none(tmp_path):
    parts = {name: text.replace("VDD_IN", "VDD_CPU_CV") for name, text in ORIN.items()}
    assert find_power_rail(write(tmp_path, parts)) is None
    assert find_power_rail(tmp_path / "empty") is None


def test_rail_without_a_reading_is_none(tmp_path):
    assert find_power_rail(write(tmp_path, {f"{NANO_FOLDER}/rail_name_0": "POM_5V_IN\n"})) is None


def test_energy_is_power_times_time_over_frames(tmp_path):
    rail = find_power_rail(write(tmp_path, NANO))
    assert rail is not None
    steps: list[float] = []

    def step() -> None:
        time.sleep(0.002)
        steps.append(time.perf_counter())

    energy = measure_energy(rail, step, duration_s=0.1, idle_s=0.01)
    assert (energy.rail, energy.idle_w, energy.mean_w) == ("POM_5V_IN", 4.2, 4.2)
    elapsed_s = energy.joule_per_frame * len(steps) / 4.2
    assert elapsed_s >= steps[-1] - steps[0]  # all of the run is paid for, also what lies between frames
    assert energy.num_samples >= 1


def test_vanished_rail_is_an_error(tmp_path):
    rail = PowerRail("POM_5V_IN", (tmp_path / "gone",))
    with pytest.raises(OSError, match="gone"):
        measure_energy(rail, lambda: None, duration_s=0.01, idle_s=0.01)
