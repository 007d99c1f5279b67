import pytest

from tsm_edge.errors import OutputError
from tsm_edge.export import Listener
from tsm_edge.export.training import EpochRecord
from tsm_edge.export.training.tensorboard import TensorBoard


def record(epoch, validation):
    return EpochRecord(
        epoch=epoch,
        loss=1 / epoch,
        train_accuracy=0.5,
        validation_accuracy=validation,
        lr=0.1,
        clips_per_s=9.0,
    )


def test_curves_can_be_read_back(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    heard = []

    class Ear(Listener):
        def epoch(self, each):
            heard.append(each.epoch)

    with TensorBoard(tmp_path / "logs", Ear()) as board:
        board.epoch(record(1, None))
        board.epoch(record(2, 0.75))
    events = EventAccumulator(str(tmp_path / "logs")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.0), (2, 0.5)]
    assert [(event.step, event.value) for event in events.Scalars("accuracy/validation")] == [(2, 0.75)]
    assert heard == [1, 2]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write .*file/logs"):
        TensorBoard(tmp_path / "file" / "logs", Listener())
