import json

import pytest

from tsm_edge.targets import TARGETS


def test_lists_every_target_on_one_line_of_eighty_columns(tsm_edge):
    lines = tsm_edge("targets", COLUMNS="80").stdout.splitlines()
    listed = [line.split()[0] for line in lines[1:-1]]
    assert listed == ["host", "cuda", *TARGETS]
    assert max(map(len, lines)) <= 80


def test_goals_stand_beside_their_targets(tsm_edge):
    lines = {line.split()[0]: line for line in tsm_edge("targets").stdout.splitlines()}
    assert "13 ms" in lines["jetson-nano"]
    assert "35 ms" in lines["galaxy-note8"]
    assert " ms" not in lines["raspberry-pi-4"]


@pytest.mark.parametrize("name", ["host", "galaxy-note8", "x86-64-v4"])
def test_shows_all_of_one_target(tsm_edge, name):
    shown = tsm_edge("targets", name).stdout
    fields = json.loads(tsm_edge("targets", name, "--json").stdout)
    assert fields["name"] == name
    assert all(field in shown for field in fields)
    assert fields["cpu"] in shown
    assert fields["source"] in shown


def test_json_of_all(tsm_edge):
    targets = json.loads(tsm_edge("targets", "--json").stdout)
    assert [target["name"] for target in targets] == ["host", "cuda", *TARGETS]


def test_unknown_target_is_one_line_that_lists_the_known_ones(tsm_edge):
    done = tsm_edge("targets", "jetson", code=2)
    assert done.stderr.startswith(
        "tsm-edge: unknown target 'jetson'; choose one of host, cuda, android-arm64,"
    )
    assert done.stderr.count("\n") == 1
    assert not done.stdout
