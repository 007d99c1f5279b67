import re

import pytest

from tsm_edge.errors import UnknownTargetError
from tsm_edge.targets import TARGETS, get_target, parse_target
from tsm_edge.targets.table import _TABLE

ASKED_FOR = {
    "jetson-nano",
    "jetson-nano-cpu",
    "jetson-orin-nano",
    "jetson-orin-nano-cpu",
    "galaxy-note8",
    "galaxy-note8-exynos",
    "galaxy-note8-snapdragon",
    "android-arm64",
    "android-arm64-dotprod",
    "ios-arm64",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "x86-64-v2",
    "x86-64-v3",
    "x86-64-v4",
}

# Width in bits and number of the float vector registers, by architecture manual.
VECTOR_REGISTERS = {"aarch64": {(128, 32)}, "x86_64": {(128, 16), (256, 16), (512, 32)}}


def test_names_are_unique_and_complete():
    names = [target.name for target in _TABLE]
    assert len(set(names)) == len(names)
    assert set(names) >= ASKED_FOR
    assert list(TARGETS) == names


@pytest.mark.parametrize("target", _TABLE, ids=lambda target: target.name)
class TestEveryEntry:
    def test_name_can_be_a_folder_name(self, target):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", target.name)

    def test_vectors_are_those_of_the_architecture(self, target):
        assert (target.vector_bits, target.vector_registers) in VECTOR_REGISTERS[target.architecture]
        assert target.vector_floats * 32 == target.vector_bits

    def test_triple_and_libc_belong_together(self, target):
        assert target.triple.endswith(
            {"gnu": "-linux-gnu", "bionic": "-linux-android", "darwin": "-apple-ios15.0"}[target.libc]
        )

    def test_features_are_switches(self, target):
        assert all(re.fullmatch(r"[+-][a-z0-9-]+", feature) for feature in target.features)

    def test_caches_grow_with_their_level(self, target):
        assert 16 << 10 <= target.l1d_bytes < target.l2_bytes

    def test_a_promise_can_be_checked_on_its_device(self, target):
        assert target.latency_target_ms is None or (target.latency_target_ms > 0 and target.device_match)

    def test_threads_description_and_source_are_given(self, target):
        assert target.threads >= 1
        assert target.description
        assert target.source

    def test_is_found_by_name(self, target):
        assert get_target(target.name) is parse_target(target.name) is target


def test_published_latencies_are_the_targets():
    assert {t.name: t.latency_target_ms for t in _TABLE if t.latency_target_ms} == {
        "jetson-nano": 13.0,
        "galaxy-note8": 35.0,
        "galaxy-note8-exynos": 35.0,
        "galaxy-note8-snapdragon": 35.0,
    }


@pytest.mark.parametrize("name", ["", "jetson", "Jetson-Nano", "../jetson-nano"])
def test_unknown_name_lists_the_known_ones(name):
    with pytest.raises(UnknownTargetError, match="unknown target") as caught:
        parse_target(name)
    assert all(known in str(caught.value) for known in ["host", *TARGETS])
