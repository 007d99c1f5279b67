import cv2
import pytest

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.errors import OutputError
from tsm_edge.export.data.gestures import GESTURE_LABELS
from tsm_edge.export.data.gestures.__main__ import main
from tsm_edge.export.data.gestures.sheet import contact_sheet, write_folders, write_sheet


def test_sheet_has_a_row_a_clip(short_clips):
    sheet = contact_sheet(short_clips, [2, 3, 4], columns=2)
    assert sheet.shape == (2 * 48, 2 * 4 * 48, 3)
    assert sheet[48:, 4 * 48 :].max() == 0  # no fourth clip


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        run_and_exit(main, [str(argument) for argument in arguments], "gestures")
    return ended.value.code


def test_command_writes_a_sheet(tmp_path):
    path = tmp_path / "sheet.png"
    assert run("--sheet", path, "--count", 2, "--frames", 2, "--size", 48, "--label", "Stop Sign") == 0
    assert cv2.imread(str(path)).shape == (48, 4 * 48, 3)


def test_command_says_what_is_missing(capsys):
    assert run() == 2
    said = capsys.readouterr().err
    assert "--sheet" in said and len(said.splitlines()) == 1


def test_unknown_kind_of_picture_is_refused(tmp_path, short_clips):
    with pytest.raises(OutputError, match=r"\.png"):
        write_sheet(tmp_path / "sheet.xyz", contact_sheet(short_clips, [0]))
    assert list(tmp_path.iterdir()) == []


def test_folders_hold_numbered_pictures_by_label(tmp_path, short_clips):
    write_folders(tmp_path / "made", short_clips, 5)
    pictures = sorted((tmp_path / "made").rglob("*.jpg"))
    assert len(pictures) == 5 * 4
    assert {path.parts[-3] for path in pictures} <= set(GESTURE_LABELS)
    assert cv2.imread(str(pictures[0])).shape == (48, 48, 3)


def test_folders_of_chosen_gestures_come_in_turn(tmp_path):
    names = ("Thumb Up", "Drumming Fingers")
    chosen = [part for name in names for part in ("--label", name)]
    assert run("--clips", tmp_path / "made", "--count", 4, "--frames", 2, "--size", 48, *chosen) == 0
    clips = sorted(path for path in (tmp_path / "made").glob("*/*") if path.is_dir())
    assert [path.parent.name for path in clips] == ["Drumming Fingers"] * 2 + ["Thumb Up"] * 2
    assert len({path.name for path in clips}) == 4


def test_a_folder_of_something_else_is_left_alone(tmp_path, short_clips):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match="it holds files"):
        write_folders(tmp_path, short_clips, 1)
    assert (tmp_path / "mine.txt").read_text() == "precious"
