"""The search on a clock that a test winds: candidates are compiled, and take what the test says."""

from pathlib import Path

import pytest

from tsm_edge.errors import TuningError
from tsm_edge.export.tuning import search as search_module
from tsm_edge.export.tuning.database import read_database
from tsm_edge.export.tuning.measure import Measured
from tsm_edge.export.tuning.search import LEAST_GAIN, Search, share_trials
from tsm_edge.export.tuning.space import tunable_layers
from tsm_edge.targets import TARGETS

AVX2 = TARGETS["x86-64-v3"]


class Clock:
    """Measures nothing and answers with the next list of times."""

    device = "a clock"

    def __init__(self, times):
        self.times = times
        self.asked = []

    def measure(self, library, count):
        self.asked.append(count)
        return tuple(map(Measured, self.times(len(self.asked), count)))


@pytest.fixture
def search(tmp_path, monkeypatch):
    """Search the small network with these times; no candidate is compiled, since none runs."""
    monkeypatch.setattr(search_module, "write_tuning_library", lambda *_: None)

    def make(times):
        return Search(AVX2, Clock(times), tmp_path / "db.json", "tsm-edge tune")

    return make


def last_is_fastest(_, count):
    return [2.0] * (count - 1) + [1.0 if count > 1 else 2.0]


def test_fastest_is_stored_with_where_it_comes_from(search, small_layers):
    run = search(last_is_fastest)
    results = list(run.run(small_layers, 30))
    layers = tunable_layers(small_layers, AVX2)
    assert [result.layer for result in results] == [layer.call.layer for layer in layers]
    assert all((result.rule_ms, result.tuned_ms, result.gain) == (2.0, 1.0, 0.5) for result in results)
    assert all(result.tiles != result.rule_tiles for result in results)
    stored = read_database(run.database)
    assert [entry.layer for entry in stored] == [layer.key for layer in layers]
    assert {(entry.device, entry.command) for entry in stored} == {("a clock", "tsm-edge tune")}
    assert [entry.trials for entry in stored] == [result.trials for result in results]


@pytest.mark.parametrize("trials", [1, 2, 17, 1000])
def test_no_more_is_tried_than_was_allowed(search, small_layers, trials):
    run = search(last_is_fastest)
    told = []
    run.on_trials = lambda _, count: told.append(count)
    results = list(run.run(small_layers, trials))
    assert 0 < sum(result.trials for result in results) <= trials
    assert sum(told) == sum(result.trials for result in results)
    if trials < 1000:
        assert sum(told) == trials


def test_nothing_faster_leaves_the_rules_choice(search, small_layers):
    run = search(lambda _, count: [1.0] + [2.0] * (count - 1))
    assert all(result.gain == 0 and result.tiles == result.rule_tiles for result in run.run(small_layers, 30))
    assert len(read_database(run.database)) == len(tunable_layers(small_layers, AVX2))


def test_gain_that_does_not_last_is_taken_back(search, small_layers):
    lucky = 2.0 * (1 - LEAST_GAIN / 2)
    run = search(lambda _, count: [2.0, lucky] if count == 2 else last_is_fastest(_, count))
    results = [result for result in run.run(small_layers, 30) if result.trials > 2]
    assert results
    assert all(result.gain == 0 and result.tiles == result.rule_tiles for result in results)


def test_candidate_whose_result_differs_never_wins(search, small_layers):
    run = search(lambda _, count: [2.0, *[None] * (count - 1)])
    results = list(run.run(small_layers, 30))
    assert all(result.wrong == result.trials and result.gain == 0 for result in results)


def test_what_was_found_before_a_failure_is_kept(search, small_layers):
    def times(asked, count):
        if asked > 4:
            raise TuningError("no board is left")
        return last_is_fastest(asked, count)

    run = search(times)
    found = []
    with pytest.raises(TuningError, match="no board is left"):
        found.extend(run.run(small_layers, 30))
    stored = read_database(run.database)
    assert stored
    assert len(stored) < len(tunable_layers(small_layers, AVX2))
    assert not list(Path(run.database).parent.glob(".*"))


def test_layers_share_trials_by_their_work():
    assert share_trials(10, [50, 30, 20]) == 5
    assert share_trials(100, [1, 1000]) == 1
    assert share_trials(0, [1]) == 0
    assert share_trials(1, [1, 1]) == 1
