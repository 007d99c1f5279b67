import numpy as np
import pytest
from kernel_lab import Guarded, load_kernels

from tsm_edge.export.kernels.emitter import build_kernel


@pytest.fixture
def run(tmp_path):
    """Compile a body over `x` and `y`, call it for parts `begin` to `end`, return what it wrote to `y`."""

    def run_(body, x, size, begin=0, end=1):
        kernel = build_kernel("kernel", [("x", len(x)), ("y", size)], end, body)
        assert (kernel.name, kernel.operands, kernel.units) == ("kernel", ("x", "y"), end)
        given, written = Guarded(np.asarray(x, np.float32)), Guarded(np.zeros(size))
        load_kernels([kernel], tmp_path).kernel(given.address, written.address, begin, end)
        assert given.is_unchanged()
        assert written.guards_are_whole()
        return written.values.tolist()

    return run_


def test_units_are_those_of_the_call(run):
    def body(e):
        with e.units() as unit:
            e.store(e["y"], unit, e.load(e["x"], unit, 1), 1)

    assert run(body, range(1, 9), 8, begin=2, end=5) == [0, 0, 3, 4, 5, 0, 0, 0]
    assert run(body, range(1, 9), 8, begin=3, end=3) == [0] * 8


def test_loop_that_ends_before_it_starts_does_nothing(run):
    def body(e):
        with e.loop(e.begin, 3) as i:
            e.store(e["y"], i, e.constant(1.0, 1), 1)

    assert run(body, [0], 6, begin=1) == [0] * 6
    assert run(body, [0], 6, begin=5) == [0, 0, 0, 1, 1, 0]


def test_vectors(run):
    def body(e):
        register = e.register(4)
        e.store(register, 0, e.broadcast(e["x"][5], 4), 4)
        product = e.load(register, 0, 4) * e.load(e["x"], 0, 4)
        e.store(e["y"], 1, e.minimum(e.maximum(product, e.constant(8.0, 4)), e.constant(20.0, 4)), 4)

    assert run(body, range(1, 9), 6) == [0, 8, 12, 18, 20, 0]


def test_branch(run):
    def body(e):
        with e.units() as unit:
            e.branch(
                unit < 2,
                lambda: e.store(e["y"], unit, e.constant(-1.0, 1), 1),
                lambda: e.store(e["y"], unit, e.load(e["x"], unit, 1), 1),
            )

    assert run(body, [5, 6, 7, 8], 4, end=4) == [-1, -1, 7, 8]
