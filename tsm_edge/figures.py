"""Figures of matplotlib for pictures of results, loaded when the first one is drawn."""

from pathlib import Path
from typing import TYPE_CHECKING

from tsm_edge.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_figure"]

DOTS_PER_INCH = 150
SIZE_INCHES = (10, 4.2)


def new_figure(path: Path, option: str, size_inches: tuple[float, float] = SIZE_INCHES) -> "Figure":
    """An empty figure for a picture at `path`; it needs no display.

    Args:
        path: Its ending says which kind of picture.
        option: What asked for it, for the message.
        size_inches: Width and height.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        UsageError: The name's ending is no kind of picture.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            f"{option} needs matplotlib; run `pip install 'tsm-edge[bench]'`"
        ) from error
    figure = Figure(figsize=size_inches, dpi=DOTS_PER_INCH, layout="constrained")
    kinds = figure.canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise UsageError(
            f"cannot draw {path.name!r}; end it in .png, or in one of {', '.join(sorted(kinds))}"
        )
    return figure
