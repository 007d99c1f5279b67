"""A window's border, counted by compiled code: each kernel notes what it is told to visit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from kernel_lab import COMPILED_EXAMPLES, Guarded, load_kernels

from tsm_edge.export.kernels.emitter import build_kernel
from tsm_edge.export.kernels.window import Window

windows = st.builds(
    Window, st.integers(1, 12), st.integers(1, 40), st.integers(1, 7), st.integers(1, 3), st.integers(0, 3)
).filter(lambda window: min(window.height, window.width) + 2 * window.padding >= window.kernel)


def add_one(e, pointer, index):
    e.store(pointer, index, e.load(pointer, index, 1) + e.constant(1.0, 1), 1)


def count_taps(name, window, most):
    """For each output row and kernel row, and for each output column and kernel column: how often it is visited."""

    def body(e):
        def write(pixels, column):
            for tap in range(window.kernel):
                for p in window.rows_inside(column, pixels, tap):
                    add_one(e, e["columns"], (column + p) * window.kernel + tap)
            for p in range(pixels):
                add_one(e, e["covered"], column + p)

        window.for_each_tile(e, most, write)
        with e.units() as row:
            first, stop = window.row_range(e, row)
            with e.loop(stop, first) as r:
                add_one(e, e["rows"], row * window.kernel + r)
            marks = (lambda: add_one(e, e["whole"], row)), (lambda: add_one(e, e["cut"], row))
            e.branch(window.has_all_rows(e, row), *marks)

    sizes = {
        "columns": window.out_width * window.kernel,
        "covered": window.out_width,
        "rows": window.out_height * window.kernel,
        "whole": window.out_height,
        "cut": window.out_height,
    }
    return build_kernel(name, list(sizes.items()), window.out_height, body), sizes


def taps_inside(size, out_size, window):
    outputs, taps = np.ogrid[:out_size, : window.kernel]
    position = outputs * window.stride + taps - window.padding
    return ((position >= 0) & (position < size)).ravel()


@COMPILED_EXAMPLES
@given(drawn=st.lists(st.tuples(windows, st.integers(1, 26)), min_size=8, max_size=8))
def test_every_tap_inside_is_visited_once_and_no_other(tmp_path_factory, drawn):
    counted = [count_taps(f"count_{i}", window, most) for i, (window, most) in enumerate(drawn)]
    library = load_kernels([kernel for kernel, _ in counted], tmp_path_factory.mktemp("window"))
    for (window, _), (kernel, sizes) in zip(drawn, counted, strict=True):
        found = {name: Guarded(np.zeros(size)) for name, size in sizes.items()}
        getattr(library, kernel.name)(*(buffer.address for buffer in found.values()), 0, kernel.units)
        assert (found["covered"].values == 1).all()
        columns = taps_inside(window.width, window.out_width, window)
        np.testing.assert_array_equal(found["columns"].values, columns)
        rows = taps_inside(window.height, window.out_height, window)
        np.testing.assert_array_equal(found["rows"].values, rows)
        whole = rows.reshape(window.out_height, window.kernel).all(axis=1)
        np.testing.assert_array_equal(found["whole"].values, whole)
        np.testing.assert_array_equal(found["cut"].values, ~whole)
        assert all(buffer.guards_are_whole() for buffer in found.values())
