import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.runtime.lettering import draw_text, fitted, text_width

LABEL = "Turning Hand Counterclockwise"


def ink(text: str, size: int, **style: bool) -> np.ndarray:
    """Where a text leaves marks, on a picture with room for it."""
    picture = np.zeros((2 * size + 20, 900, 3), np.uint8)
    draw_text(picture, text, (10, size + 10), size, (255, 255, 255), **style)
    return np.argwhere(picture.any(axis=2))


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("size", [12, 16, 28])
def test_text_is_as_wide_as_announced(size, bold):
    marks = ink(LABEL, size, bold=bold)
    assert abs(marks[:, 1].max() - 10 - text_width(LABEL, size, bold=bold)) <= 0.2 * size
    height = marks[:, 0].max() - marks[:, 0].min()
    assert 0.6 * size <= height <= 1.3 * size


def test_bold_leaves_more_ink():
    assert len(ink(LABEL, 28, bold=True)) > len(ink(LABEL, 28))


@given(
    text=st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), max_size=60),
    width=st.integers(40, 600),
)
def test_fitted_text_fits(text, width):
    fitting, size = fitted(text, 24, width)
    assert text_width(fitting, size) <= width
    assert fitting == text or fitting.endswith("...")


def test_text_with_room_is_left_alone():
    assert fitted("Thumb Up", 24, 500) == ("Thumb Up", 24)
