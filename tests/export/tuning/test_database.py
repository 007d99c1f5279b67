import json
from dataclasses import replace

import pytest

from tsm_edge.errors import OutputError, TuningError
from tsm_edge.export.tuning.database import (
    check_writable,
    database_path,
    machine_key,
    read_database,
    rules_fingerprint,
    store_layer,
)
from tsm_edge.targets import TARGETS, host_target


def test_what_is_stored_is_read_again(tmp_path, layer, result):
    path = tmp_path / "deep" / "host.json"
    assert read_database(path) == ()
    first, second = result(layer), replace(result(layer), layer="another layer")
    store_layer(path, first)
    store_layer(path, second)
    assert read_database(path) == (first, second)
    assert [file.name for file in path.parent.iterdir()] == ["host.json"]


def test_newer_result_replaces_that_of_its_layer_on_its_machine_alone(tmp_path, layer, result):
    path = tmp_path / "host.json"
    old, elsewhere = result(layer), result(layer, target=TARGETS["x86-64-v4"])
    new = replace(old, tuned_ms=1.0)
    for entry in (old, elsewhere, new):
        store_layer(path, entry)
    assert read_database(path) == (elsewhere, new)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is broken"),
        (b'{"layers": [', "is broken"),
        (b"\xff\xfe", "is broken"),
        (b'{"layers": [{"layer": "x"}]}', "is broken"),
        (b'{"layers": [], "schema_version": 99}', "schema version 99, this tsm-edge reads 1"),
    ],
    ids=str,
)
def test_broken_file_is_one_line_and_stays(tmp_path, layer, result, text, said):
    path = tmp_path / "host.json"
    path.write_bytes(text)
    for use in (read_database, check_writable, lambda path: store_layer(path, result(layer))):
        with pytest.raises(TuningError, match=said) as caught:
            use(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    assert path.read_bytes() == text


def test_folder_in_its_place_is_one_line(tmp_path):
    with pytest.raises(TuningError, match="cannot read the tuning database"):
        read_database(tmp_path)


def test_place_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises((OutputError, TuningError)):
        check_writable(tmp_path / "file" / "host.json")


def test_numbers_that_make_no_tile_are_refused(tmp_path, layer, result):
    path = tmp_path / "host.json"
    store_layer(path, result(layer))
    document = json.loads(path.read_text())
    document["layers"][0]["choices"][0]["tile_pixels"] = 0
    path.write_text(json.dumps(document))
    with pytest.raises(TuningError, match="tile_pixels"):
        read_database(path)


def test_it_lies_where_the_system_wants_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert database_path(host_target()).name == "host.json"
    assert tmp_path in database_path(TARGETS["jetson-nano"]).parents


def test_processors_have_machines_of_their_own():
    keys = {machine_key(target) for target in TARGETS.values()}
    assert machine_key(TARGETS["jetson-nano"]) != machine_key(TARGETS["raspberry-pi-5"])
    assert len(keys) > 5


def test_fingerprint_is_of_the_rules_that_are_installed():
    assert rules_fingerprint() == rules_fingerprint()
    assert len(rules_fingerprint()) == 16
