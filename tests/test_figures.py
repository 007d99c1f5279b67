import sys

import pytest

from tsm_edge.errors import MissingDependencyError, UsageError
from tsm_edge.figures import new_figure


@pytest.mark.parametrize("name", ["plot.txt", "plot"])
def test_unknown_kind_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"end it in \.png"):
        new_figure(tmp_path / name, "--plot")


def test_missing_matplotlib_is_named_with_what_asked_for_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"--confusion needs matplotlib; run `pip install"):
        new_figure(tmp_path / "plot.png", "--confusion")


def test_size_is_in_inches(tmp_path):
    assert tuple(new_figure(tmp_path / "plot.png", "--plot", (3, 2)).get_size_inches()) == (3, 2)
