"""The script that counts a frame's instructions; its counting is tested with the plugin."""

from dataclasses import replace

import pytest

from tsm_edge.errors import OutputError, UsageError
from tsm_edge.targets import TARGETS


@pytest.fixture
def instructions(monkeypatch):
    import instructions

    monkeypatch.setattr(instructions, "emulator_version", lambda: "7.2")
    return instructions


@pytest.fixture
def for_jetson(tiny):
    manifest = replace(tiny.manifest, target=TARGETS["jetson-nano"])
    return replace(tiny, manifest=manifest)


@pytest.fixture
def record(instructions, monkeypatch, for_jetson, tmp_path):
    """Of a program whose start executes 1000 additions and each frame 30 more and 10 loads."""

    def counted(command, plugin):
        frames = int(command[-1])
        return {"integer": 1000 + 30 * frames, "load": 10 * frames}

    monkeypatch.setattr(instructions, "count_instructions", counted)
    monkeypatch.setattr(instructions, "built_plugin", lambda: tmp_path)
    return instructions.measure(for_jetson, 4)


def test_start_of_the_program_is_not_counted(record):
    assert record.per_frame == {"integer": 30, "load": 10}


def test_record_is_read_as_it_was_written(record, tmp_path):
    import instruction_record
    import record_files

    record_files.write_record(record, tmp_path / "counts.json")
    assert instruction_record.read_instructions(tmp_path / "counts.json") == record
    (tmp_path / "counts.json").write_text("{}")
    with pytest.raises(OutputError, match="no count of instructions"):
        instruction_record.read_instructions(tmp_path / "counts.json")


def test_table_says_that_it_is_emulated(record):
    import markdown_tables

    table = markdown_tables.instructions_table([record])
    assert "**emulated**" in table
    assert "| integer | 0.0 | 75% |" in table
    assert table.endswith("| all | 0.0 | 100% |")


def test_peers_become_columns_and_ratios(record):
    import markdown_tables

    peers = {"ncnn": {"integer": 50.0, "load": 30.0}, "python loop": {"integer": 1.0, "load": 1.0}}
    versions = record.versions | {"ncnn": "1.0"}
    table = markdown_tables.instructions_table([replace(record, peers=peers, versions=versions)])
    assert "They are 0.50 of those of ncnn, whose wheels" in table
    assert (
        "| million instructions a frame | **tsm-edge** | share | ncnn 1.0 | share | Python loop | share |"
        in table
    )
    assert "| load | 0.0 | 25% | 0.0 | 38% | 0.0 | 50% |" in table


def test_bundle_for_another_processor_is_refused(instructions, tiny):
    other = replace(tiny, manifest=replace(tiny.manifest, target=TARGETS["x86-64-v3"]))
    with pytest.raises(UsageError, match="give a bundle for 64-bit ARM"):
        instructions.measure(other, 1)
