from dataclasses import replace

import pytest

from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.rules import lower_layer
from tsm_edge.export.plan import plan_network
from tsm_edge.export.tuning.choice import TunedTiles
from tsm_edge.export.tuning.database import store_layer
from tsm_edge.export.tuning.space import tunable_layers
from tsm_edge.targets import TARGETS

AVX2 = TARGETS["x86-64-v3"]
MACHINE = machine_of(AVX2)


@pytest.fixture
def rule_name(layer):
    return lower_layer(layer, MACHINE).kernel.name


def test_measured_tiles_are_used_and_recorded(layer, result, rule_name):
    chosen = TunedTiles([result(layer)]).choose(layer, MACHINE)
    assert chosen.call.kernel.name != rule_name
    assert chosen.note == ""
    assert (chosen.tuned.rule_ms, chosen.tuned.tuned_ms, chosen.tuned.device) == (2.0, 1.5, "a board")
    assert chosen.call.kernel.name.endswith(chosen.tuned.tiles[0])


def test_without_a_result_the_rule_decides(layer, rule_name):
    chosen = TunedTiles().choose(layer, MACHINE)
    assert (chosen.call.kernel.name, chosen.tuned, chosen.note) == (rule_name, None, "")


def test_result_that_found_nothing_faster_is_the_rules_own(layer, result, rule_name):
    chosen = TunedTiles([result(layer, rank=0)]).choose(layer, MACHINE)
    assert (chosen.call.kernel.name, chosen.tuned, chosen.note) == (rule_name, None, "")


def test_tile_that_does_not_fit_any_more_is_ignored_with_its_reason(layer, result, rule_name):
    found = result(layer)
    choice = replace(found.choices[0], tile_pixels=99)
    chosen = TunedTiles([replace(found, choices=(choice,))]).choose(layer, MACHINE)
    assert (chosen.call.kernel.name, chosen.tuned) == (rule_name, None)
    assert chosen.note == (
        f"1x1 16->32 at 8x8: a tile of 99 x {choice.tile_vectors * choice.lanes} is none of its rule's any more, "
        "not used; tune again"
    )


def test_result_of_a_rule_that_asked_otherwise_is_ignored_with_its_reason(layer, result, rule_name):
    found = result(layer)
    chosen = TunedTiles([replace(found, choices=(replace(found.choices[0], depth=99),))]).choose(
        layer, MACHINE
    )
    assert chosen.call.kernel.name == rule_name
    assert "its rule has other tiles now, not used" in chosen.note


def test_result_of_other_rules_is_used_with_a_word_of_doubt(layer, result):
    chosen = TunedTiles([result(layer, rules="0123456789abcdef")]).choose(layer, MACHINE)
    assert chosen.tuned
    assert "measured with other kernel rules, used; tune again" in chosen.note


def test_results_for_other_machines_are_not_read(tmp_path, layer, result, rule_name):
    path = tmp_path / "db.json"
    store_layer(path, result(layer, target=TARGETS["x86-64-v4"]))
    assert TunedTiles.read(path, AVX2).choose(layer, MACHINE).call.kernel.name == rule_name
    store_layer(path, result(layer))
    assert TunedTiles.read(path, AVX2).choose(layer, MACHINE).call.kernel.name != rule_name


def test_plan_marks_the_calls_that_were_tuned(small_layers, result):
    tunable = tunable_layers(small_layers, AVX2)[0]
    plan = plan_network(small_layers, AVX2, TunedTiles([result(tunable.layer)]))
    tuned = [record for record in plan.records() if record.tuned]
    assert len(tuned) == tunable.count
    assert {record.layer for record in tuned} == {tunable.call.layer}
    assert not any(record.tuned for record in plan_network(small_layers, AVX2).records())


def test_plan_says_once_why_a_result_is_not_used(small_layers, result):
    tunable = tunable_layers(small_layers, AVX2)[0]
    found = result(tunable.layer)
    unfit = replace(found, choices=tuple(replace(choice, tile_pixels=99) for choice in found.choices))
    plan, plain = (plan_network(small_layers, AVX2, TunedTiles(results)) for results in ([unfit], []))
    (note,) = plan.tuning_notes
    assert note.startswith(f"{tunable.call.layer}: a tile of 99 x ")
    assert [call.kernel.name for call in plan.calls] == [call.kernel.name for call in plain.calls]
    assert plain.tuning_notes == ()
