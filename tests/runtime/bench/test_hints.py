from dataclasses import replace

import pytest

from tsm_edge.runtime.bench.hints import hints
from tsm_edge.runtime.device_state import DeviceState


@pytest.fixture
def quiet(record):
    """The same benchmark as it would be on a machine at rest."""
    summary = replace(record.backends[0].latency.summary, p50_ms=1.0, p95_ms=1.1)
    backend = replace(record.backends[0], latency=replace(record.backends[0].latency, summary=summary))
    machine = replace(
        record.machine,
        device=replace(record.machine.device, virtual=False, cores=4),
        before=DeviceState(governors=("performance",), load_1m=0.1),
        throttled=False,
        stolen_share=0.0,
    )
    return replace(record, machine=machine, backends=(backend,))


def with_machine(record, **fields):
    return replace(record, machine=replace(record.machine, **fields))


def test_machine_at_rest_gives_no_hints(quiet):
    assert hints(quiet) == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"before": DeviceState(governors=("ondemand", "performance"))}, "clock governor ondemand;"),
        ({"before": DeviceState(load_1m=3.5)}, "load was 3.5 on 4 cores"),
        ({"throttled": True}, "slowed itself down"),
        ({"stolen_share": 0.2}, "gave 20% of the time"),
    ],
)
def test_each_disturbance_has_its_hint(quiet, fields, words):
    (hint,) = hints(with_machine(quiet, **fields))
    assert words in hint


def test_virtual_machine_has_its_hint(quiet):
    (hint,) = hints(with_machine(quiet, device=replace(quiet.machine.device, virtual=True)))
    assert "virtual machine" in hint


def test_wide_spread_names_the_engine(quiet):
    latency = quiet.backends[0].latency
    wide = replace(latency, summary=replace(latency.summary, p95_ms=2.0))
    (hint,) = hints(replace(quiet, backends=(replace(quiet.backends[0], latency=wide),)))
    assert hint.startswith("onnxruntime: p95 is 2.0 times p50")
