from dataclasses import replace

import cv2
import numpy as np
import pytest

from tsm_edge.errors import OutputError
from tsm_edge.runtime.bench.plot import write_plot
from tsm_edge.runtime.bench.record import Latency
from tsm_edge.runtime.bench.statistics import summarise_latency


def latency(milliseconds: float) -> Latency:
    samples = tuple(milliseconds * (1 + 0.1 * np.random.default_rng(0).random(30)))
    return Latency(summary=summarise_latency(samples), samples_ms=samples)


@pytest.mark.parametrize("other_ms", [1.5, 50.0], ids=["linear", "log"])
def test_each_engine_is_drawn_in_its_colour(record, tmp_path, other_ms):
    first = replace(record.backends[0], latency=latency(1.0))
    other = replace(record.backends[0], name="other", latency=latency(other_ms))
    write_plot(replace(record, backends=(first, other)), tmp_path / "plot.png")
    picture = cv2.imread(str(tmp_path / "plot.png"))
    assert picture.shape == (630, 1500, 3)
    for red_green_blue in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        distance = np.abs(picture[..., ::-1].astype(int) - red_green_blue).sum(axis=-1)
        assert (distance < 12).sum() > 50


def test_other_kinds_of_picture_and_the_words_in_it(record, tmp_path):
    write_plot(record, tmp_path / "plot.svg")
    drawn = (tmp_path / "plot.svg").read_text()
    assert "<svg" in drawn
    assert "tiny, fp32, untrained weights, on " in drawn


def test_picture_that_cannot_be_written_leaves_nothing(record, tmp_path):
    (tmp_path / "plot.png").mkdir()
    with pytest.raises(OutputError):
        write_plot(record, tmp_path / "plot.png")
    assert list(tmp_path.iterdir()) == [tmp_path / "plot.png"]
