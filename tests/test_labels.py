import pytest

from tsm_edge.errors import UsageError
from tsm_edge.labels import (
    DATASETS,
    JESTER_LABELS,
    JESTER_SMOOTHING,
    dataset_labels,
    numbered_labels,
    read_labels,
    smoothing_for,
)
from tsm_edge.specs import SmoothingSpec


def test_jester_has_27_labels_in_alphabetical_order():
    assert len(JESTER_LABELS) == 27
    assert list(JESTER_LABELS) == sorted(set(JESTER_LABELS))
    assert JESTER_LABELS.index("No gesture") == 2
    assert JESTER_LABELS.index("Thumb Up") == 20


def test_smoothing_names_existing_labels_only():
    named = {label for pair in JESTER_SMOOTHING.merge for label in pair}
    named |= {*JESTER_SMOOTHING.ignore, *JESTER_SMOOTHING.background}
    assert named <= set(JESTER_LABELS)


def test_the_demo_masks_the_classes_that_it_confuses():
    """Its source masks these indices."""
    assert sorted(map(JESTER_LABELS.index, JESTER_SMOOTHING.ignore)) == [3, 7, 8, 21, 22]


def test_other_labels_are_smoothed_plainly():
    assert smoothing_for(JESTER_LABELS) == JESTER_SMOOTHING
    assert smoothing_for(("a", "b")) == SmoothingSpec()
    assert smoothing_for(("wave", "no_gesture", "Nothing")).background == ("no_gesture", "Nothing")


def test_numbered_labels_count_from_zero():
    assert numbered_labels(3) == ("class 0", "class 1", "class 2")


def test_labels_are_read_one_a_line(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("\ufeffSwipe\r\n Daumen hoch \nこんにちは\n\n", encoding="utf-8")
    assert read_labels(path) == ("Swipe", "Daumen hoch", "こんにちは")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a\n\nb\n", "line 2 is empty"),
        (b"a\nb\na\n", "line 3 repeats 'a'"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
    ],
)
def test_what_is_no_list_of_labels_is_refused(tmp_path, content, problem):
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=problem) as failure:
        read_labels(path)
    assert "expected one label a line" in str(failure.value)


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_labels(tmp_path / "absent.txt")
    with pytest.raises(UsageError, match="Is a directory"):
        read_labels(tmp_path)


def test_datasets_have_as_many_classes_as_their_papers_say():
    counts = {dataset: len(dataset_labels(dataset)) for dataset in DATASETS}
    assert counts == {
        "jester": 27,
        "kinetics-400": 400,
        "something-something-v1": 174,
        "something-something-v2": 174,
    }


@pytest.mark.parametrize("dataset", DATASETS)
def test_datasets_classes_are_named_once_and_in_alphabetical_order(dataset):
    labels = dataset_labels(dataset)
    assert list(labels) == sorted(set(labels))
    assert all(label == label.strip() != "" for label in labels)


def test_first_and_last_classes_are_the_known_ones():
    assert dataset_labels("kinetics-400")[0::399] == ("abseiling", "zumba")
    something = dataset_labels("something-something-v2")
    assert something[0::173] == (
        "Approaching something with your camera",
        "Wiping something off of something",
    )
