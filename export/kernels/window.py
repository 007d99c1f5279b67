"""Windows that hang over the border: which taps of which outputs lie inside, without a padded copy of the input.

Rows: the range of kernel rows that lie inside depends on the output row and is computed in the kernel.
Columns: the first and last tiles of a row are written for their own place, so that each output's missing taps are
known while the code is written; the tiles between them miss none.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tsm_edge.export.kernels.emitter import Emitter, Expr
from tsm_edge.export.kernels.tiling import split_evenly

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """A kernel x kernel window over a height x width input, `stride` apart, `padding` zeros around."""

    height: int
    width: int
    kernel: int
    stride: int
    padding: int

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        return (self.height + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        return (self.width + 2 * self.padding - self.kernel) // self.stride + 1

    def row_range(self, e: Emitter, row: Expr) -> tuple[Expr, Expr]:
        """First kernel row that lies inside, for output row `row`, and the one after the last."""
        if not self.padding:
            return 0, self.kernel
        top = row * self.stride - self.padding
        return e.maximum(0 - top, 0), e.minimum(self.height - top, self.kernel)

    def has_all_rows(self, e: Emitter, row: Expr) -> Expr:
        """Whether no kernel row of output row `row` hangs over the border."""
        top = row * self.stride - self.padding
        return e.both(top >= 0, top <= self.height - self.kernel)

    def rows_inside(self, column: Expr, pixels: int, tap: int) -> list[int]:
        """Which of the outputs `column`, `column` + 1, ... have kernel column `tap` inside.

        An expression instead of a number as `column` means a tile that no border touches.
        """
        if not isinstance(column, int):
            return list(range(pixels))
        first = column * self.stride + tap - self.padding
        return [p for p in range(pixels) if 0 <= first + p * self.stride < self.width]

    def for_each_tile(self, e: Emitter, most: int, write: Callable[[int, Expr], None]) -> None:
        """Cover an output row with tiles of at most `most` pixels; call `write(pixels, first column)`."""
        for first, tiles, pixels in split_evenly(self.out_width, most).groups():
            columns = [first + tile * pixels for tile in range(tiles)]
            inner = [column for column in columns if not self._touches_border(column, pixels)]
            for column in columns:
                if column not in inner:
                    write(pixels, column)
                elif column == inner[0]:
                    self._write_inner(e, pixels, inner, write)

    def _write_inner(
        self, e: Emitter, pixels: int, columns: list[int], write: Callable[[int, Expr], None]
    ) -> None:
        with e.loop(len(columns)) as tile:
            write(pixels, columns[0] + tile * pixels)

    def _touches_border(self, column: int, pixels: int) -> bool:
        left = column * self.stride - self.padding
        right = (column + pixels - 1) * self.stride - self.padding + self.kernel
        return left < 0 or right > self.width
