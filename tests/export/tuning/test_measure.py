import pytest
from random_layers import convolution

from tsm_edge.errors import TuningError
from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.tiling import rank_tiles
from tsm_edge.export.tuning.layer_tiles import asked_tiles, lower_with
from tsm_edge.export.tuning.library import write_tuning_library
from tsm_edge.export.tuning.measure import ROUNDS, LocalMeasurer, Probe, measure_with
from tsm_edge.targets import TARGETS, host_target, missing_here


def test_kernels_are_timed_on_this_machine(tmp_path):
    target = host_target()
    machine, layer = machine_of(target), convolution(14, 14, 64, 96)
    _, own = asked_tiles(layer, machine)
    (question,) = own
    tiles = [own, {question: rank_tiles(question, machine)[1]}, {question: rank_tiles(question, machine)[-1]}]
    library = tmp_path / "candidates.so"
    write_tuning_library([lower_with(layer, machine, choice) for choice in tiles], target, library)
    measurer = LocalMeasurer(target)
    assert all(measured.ms > 0 for measured in measurer.measure(library, 3))
    assert measurer.device


def test_another_architectures_code_is_refused_here():
    foreign = next(target for target in TARGETS.values() if missing_here(target))
    with pytest.raises(
        TuningError, match=f"cannot run code for {foreign.name}: it lacks .*--tracker"
    ) as caught:
        LocalMeasurer(foreign)
    assert "\n" not in str(caught.value)


def test_median_is_of_samples_in_turn_and_one_bad_moment_does_not_count():
    asked = []

    def sample(candidate, calls):
        asked.append(candidate)
        return 100.0 if asked.count(candidate) == 3 else 1.0 + candidate

    first, second = measure_with(Probe(lambda _: 0.0, sample), 2)
    assert (first.ms, second.ms) == (1.0, 2.0)
    assert asked.count(0) == asked.count(1) == ROUNDS + 1
    assert asked[2:6] in ([1, 0, 0, 1], [0, 1, 1, 0])


def test_short_kernels_are_called_more_often_a_sample():
    calls_of = {}
    probe = Probe(
        lambda _: 0.0, lambda candidate, calls: calls_of.update({candidate: calls}) or (5.0, 0.01)[candidate]
    )
    measure_with(probe, 2)
    assert calls_of[0] == 1
    assert calls_of[1] > 50


def test_wrong_candidate_is_not_timed():
    timed = []
    probe = Probe(lambda index: (0.0, 1e-3, float("nan"))[index], lambda index, _: timed.append(index) or 1.0)
    assert [measured.ms for measured in measure_with(probe, 3)] == [1.0, None, None]
    assert set(timed) == {0}


def test_rule_that_cannot_run_is_one_line():
    with pytest.raises(TuningError, match="the rule's own kernel did not compute"):
        measure_with(Probe(lambda _: 1e30, lambda *_: 1.0), 1)
