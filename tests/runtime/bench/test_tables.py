from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tsm_edge.runtime.bench.kernels import KernelTime
from tsm_edge.runtime.bench.record import Deadlines
from tsm_edge.runtime.bench.tables import print_record
from tsm_edge.runtime.bench.verdict import judge
from tsm_edge.runtime.device import Device
from tsm_edge.runtime.device_power import Energy
from tsm_edge.runtime.device_state import Battery, DeviceState
from tsm_edge.targets import TARGETS


def printed(record, width=80) -> str:
    output = StringIO()
    print_record(record, Console(file=output, width=width))
    return output.getvalue()


def with_backend(record, **fields):
    return replace(record, backends=(replace(record.backends[0], **fields),))


def test_all_percentiles_stand_in_one_row_of_80_columns(record):
    summary = record.backends[0].latency.summary
    row = next(line for line in printed(record).splitlines() if line.startswith("onnxruntime"))
    expected = [summary.p50_ms, summary.p90_ms, summary.p95_ms, summary.p99_ms]
    assert [float(word) for word in row.split()[1:5]] == pytest.approx(expected, abs=0.005)
    assert float(row.split()[-1]) == pytest.approx(summary.frames_per_second, abs=0.05)


def test_conditions_and_weights_stand_above(record):
    text = printed(record)
    assert "untrained weights" in text
    assert record.machine.device.name in text
    assert "threads: 1" in text
    assert "MiB" in text
    assert "8-frame window" in text


def test_processor_that_the_device_s_name_tells_is_not_told_twice(record):
    device = replace(record.machine.device, name="qemu (emulated) on AMD EPYC", cpu="AMD EPYC")
    text = printed(replace(record, machine=replace(record.machine, device=device)), width=200)
    assert text.count("AMD EPYC") == 1


def test_state_of_the_machine_before_and_after(record):
    before = DeviceState(governors=("schedutil",), temperatures_c={"CPU-therm": 41.5, "PMIC-Die": 50.0})
    after = DeviceState(
        temperatures_c={"CPU-therm": 63.2, "PMIC-Die": 50.0}, battery=Battery(percent=83, charging=True)
    )
    machine = replace(record.machine, before=before, after=after, throttled=False, way="adb")
    text = printed(replace(record, machine=machine), width=200)
    assert "governor schedutil; 42 to 63 °C (CPU-therm); not throttled; battery 83 %, charging" in text
    assert "over adb" in text


def test_what_was_not_measured_has_no_table(record):
    text = printed(with_backend(record, cold_start=None, window=None))
    assert not any(word in text for word in ("cold start", "window", "deadlines", "energy", "kernels"))


def test_skipped_engine_is_named_with_its_reason(record):
    assert "skipped tvm: made for aarch64" in printed(replace(record, skipped={"tvm": "made for aarch64"}))


def test_deadlines_and_energy(record):
    deadlines = Deadlines(fps=30, num_missed=4, response=record.backends[0].latency)
    energy = Energy(rail="VDD_IN", idle_w=2.0, mean_w=5.0, joule_per_frame=0.125, num_samples=9)
    text = printed(with_backend(record, deadlines=deadlines, energy=energy))
    assert "4 of 30" in text
    assert "0.125" in text


def test_slowest_kernels_come_first(record):
    kernels = tuple(
        KernelTime(
            name=f"k{i}",
            rule="pointwise",
            layer=f"features.{i}",
            p50_ms=0.1 * i,
            share=0.1,
            gflop_per_s=9.0,
            gbyte_per_s=1.0,
        )
        for i in range(1, 21)
    )
    text = printed(with_backend(record, kernels=kernels))
    assert "slowest 15 of 20 kernels, 21.00 ms in all" in text
    assert text.index("features.20 ") < text.index("features.6 ")
    assert "features.5 " not in text


@pytest.mark.parametrize(("p50_ms", "word"), [(10.0, "pass:"), (20.0, "fail:")])
def test_verdict_is_the_last_line(record, p50_ms, word):
    nano = Device(name="NVIDIA Jetson Nano", cpu="ARMv8", architecture="aarch64", cores=4, system="Linux")
    verdict = judge(TARGETS["jetson-nano"], nano, "tvm", p50_ms)
    assert printed(replace(record, verdict=verdict), width=200).splitlines()[-1].startswith(word)
