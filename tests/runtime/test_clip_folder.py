import pytest

from tsm_edge.errors import OutputError, UsageError
from tsm_edge.runtime.clip_folder import ClipFolder


def test_numbers_go_on_after_the_highest(tmp_path):
    folder = ClipFolder(tmp_path, "Thumb Up")
    assert folder.next_path() == tmp_path / "Thumb Up" / "0001.mp4"
    for name in ("0003.avi", "0007.mp4", "notes.txt", "12-old.mp4"):
        folder.path.mkdir(exist_ok=True)
        (folder.path / name).touch()
    with folder.clip() as aside:
        aside.write_bytes(b"video")
    assert (folder.path / "0008.mp4").read_bytes() == b"video"
    assert folder.next_path().name == "0009.mp4"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_half_a_clip_vanishes(tmp_path, error):
    folder = ClipFolder(tmp_path, "wave")
    with pytest.raises(error):
        with folder.clip() as aside:
            aside.write_bytes(b"half")
            raise error
    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize("label", ["", " ", "a/b", "..", ".hidden", "a\nb", "end ", 'say "x"'])
def test_labels_that_name_no_folder_are_refused(tmp_path, label):
    with pytest.raises(UsageError, match="cannot name a folder"):
        ClipFolder(tmp_path, label)


def test_a_folder_in_the_way_is_one_line(tmp_path):
    (tmp_path / "wave").write_text("a file")
    with pytest.raises(OutputError, match="cannot write"):
        with ClipFolder(tmp_path, "wave").clip():
            pass
