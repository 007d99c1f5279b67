import cv2
import numpy as np
import pytest

from tsm_edge.errors import OutputError, UsageError
from tsm_edge.export.evaluation.clip_results import summarise
from tsm_edge.export.evaluation.confusion_plot import write_confusion_plot
from tsm_edge.labels import JESTER_LABELS


def evaluation(num_classes, wrong=0.3):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, num_classes, 30 * num_classes)
    said = np.where(rng.random(len(truth)) < wrong, rng.integers(0, num_classes, len(truth)), truth)
    labels = JESTER_LABELS if num_classes == 27 else [f"class number {i}" for i in range(num_classes)]
    scores = np.eye(num_classes, dtype=np.float32)[said]
    return summarise(
        scores, truth, labels, models=("m.safetensors",), protocol="1clip-center", num_segments=(8,)
    )


@pytest.mark.parametrize("num_classes", [2, 27, 174])
def test_the_diagonal_is_dark_and_the_rest_is_not(tmp_path, num_classes):
    path = tmp_path / "confusion.png"
    write_confusion_plot(evaluation(num_classes, wrong=0.05), path)
    picture = cv2.imread(str(path))
    blue = (picture[..., 0].astype(int) - picture[..., 2] > 60).any(1) & (picture.min(2) < 120).any(1)
    assert blue.mean() > 0.3  # rows that the dark diagonal passes through
    assert min(picture.shape[:2]) > 500


def test_mistakes_are_one_line_and_leave_the_old_picture(tmp_path):
    with pytest.raises(UsageError, match=r"cannot draw 'x.txt'; end it in .png"):
        write_confusion_plot(evaluation(2), tmp_path / "x.txt")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"):
        write_confusion_plot(evaluation(2), tmp_path / "file" / "x.png")
