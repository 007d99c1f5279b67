import pytest

from tsm_edge.runtime.bench.verdict import judge
from tsm_edge.runtime.device import Device
from tsm_edge.targets import TARGETS

PROMISED = [target for target in TARGETS.values() if target.latency_target_ms is not None]
UNPROMISED = [target for target in TARGETS.values() if target.latency_target_ms is None]


def device(name: str) -> Device:
    return Device(
        name=name, cpu="ARMv8 Processor rev 1 (v8l)", architecture="aarch64", cores=4, system="Linux"
    )


@pytest.mark.parametrize("target", PROMISED, ids=lambda target: target.name)
@pytest.mark.parametrize(
    ("share", "status", "exit_code"), [(0.5, "pass", 0), (1.0, "pass", 0), (1.01, "fail", 1)]
)
def test_own_device_passes_or_fails(target, share, status, exit_code):
    own = device(f"Maker {target.device_match[0]} Developer Kit")
    verdict = judge(target, own, "tvm", share * target.latency_target_ms)
    assert (verdict.status, verdict.exit_code) == (status, exit_code)
    assert verdict.sentence.startswith(f"{status}: {target.name} promises")
    assert own.name in verdict.sentence


@pytest.mark.parametrize("target", PROMISED, ids=lambda target: target.name)
@pytest.mark.parametrize("p50_ms", [0.001, 1e6, None])
def test_other_device_never_passes(target, p50_ms):
    verdict = judge(target, device("AMD EPYC"), "tvm", p50_ms)
    assert (verdict.status, verdict.exit_code) == ("not this device", 3)
    assert "this is AMD EPYC" in verdict.sentence


@pytest.mark.parametrize("target", UNPROMISED, ids=lambda target: target.name)
def test_unpromised_target_never_passes(target):
    verdict = judge(target, device("Raspberry Pi 4 Model B, Jetson Nano, SM-N950F"), "tvm", 0.001)
    assert (verdict.status, verdict.exit_code) == ("no target latency", 3)


def test_both_published_promises_are_judged():
    promises = {target.name: target.latency_target_ms for target in PROMISED}
    assert promises["jetson-nano"] == 13
    assert promises["galaxy-note8"] == 35
