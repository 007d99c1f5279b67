import pytest

from tsm_edge.errors import OutputError
from tsm_edge.runtime.bench import read_record, write_record


def test_record_comes_back_as_it_was(record, tmp_path):
    write_record(record, tmp_path / "results" / "record.json")
    assert read_record(tmp_path / "results" / "record.json") == record


@pytest.mark.parametrize("text", [b"", b"{}", b"[1, 2]", b'{"started_at": 3}', b"\xff\xfe"])
def test_other_files_are_no_records(tmp_path, text):
    (tmp_path / "other.json").write_bytes(text)
    with pytest.raises(OutputError, match=r"other\.json is no benchmark's record"):
        read_record(tmp_path / "other.json")


def test_missing_record_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="no benchmark's record"):
        read_record(tmp_path / "none.json")


def test_record_that_cannot_be_written_leaves_the_old_one(record, tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OutputError, match=r"folder\.json"):
        write_record(record, tmp_path / "folder.json")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder.json"]
