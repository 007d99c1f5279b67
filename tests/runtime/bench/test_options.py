import pytest

from tsm_edge.errors import UsageError
from tsm_edge.runtime.bench import BenchOptions


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_frames": 0}, "num_frames is 0; give 1 or more"),
        ({"warmup": -1}, "warmup is -1; give 0 or more"),
        ({"num_segments": 0}, "num_segments is 0"),
        ({"paced_fps": 0.0}, "cannot feed 0 frames a second"),
        ({"paced_fps": float("nan")}, "cannot feed nan frames a second"),
        ({"backends": ("tvm", "torch", "tvm")}, "named twice"),
    ],
)
def test_what_cannot_be_measured_is_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        BenchOptions(**wrong)


def test_defaults_are_accepted():
    assert BenchOptions().num_frames > BenchOptions().warmup
