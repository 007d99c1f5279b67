"""What becomes one block is seen on small networks in test_plan.py; here: which layers may stand where."""

from dataclasses import replace

import numpy as np
from layer_reference import run_network
from random_layers import convolution, inverted_residual, save_shift

from tsm_edge.export.blocks import fuse_blocks
from tsm_edge.export.layers import Convolution, InvertedResidual, Network, SaveShift, Tensor

FRAME = Tensor("x", 6, 6, 8)


def parts(**fields):
    """Expansion with a shift, depthwise convolution, projection with its residual, and the saved shift."""
    block = inverted_residual(6, 6, 8, 24, 8, shift=2, residual=True, **fields)
    return block.expand, block.depthwise, block.project, save_shift(6, 6, 8, 2)


def fuse(*layers, pays=lambda block: True):
    return fuse_blocks(Network(FRAME, Tensor("logits", 1, 1, 5), tuple(layers)), pays)


def kinds(network):
    return [type(layer) for layer in network.layers]


def test_shift_is_saved_behind_the_block_wherever_it_stood():
    expand, depth, project, save = parts()
    for order in (
        (expand, save, depth, project),
        (expand, depth, save, project),
        (expand, depth, project, save),
    ):
        assert kinds(fuse(*order)) == [InvertedResidual, SaveShift]


def test_fused_network_computes_the_same():
    layers = parts()
    # Nothing here reads the frame itself; x is given as any other value.
    before = Network(Tensor("frame", 6, 6, 3, planar=True), layers[2].out, layers)
    rng = np.random.default_rng(0)
    shapes = {"frame": (1, 3, 6, 6), "x": (1, 8, 6, 6), "shift_buffer_0": (1, 2, 6, 6)}
    inputs = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    apart, fused = (run_network(network, inputs) for network in (before, fuse_blocks(before, lambda _: True)))
    for name in ("y", "shift_buffer_0"):
        np.testing.assert_array_equal(fused[name], apart[name])
    assert "hidden" in apart
    assert "hidden" not in fused


def test_block_that_does_not_pay_stays():
    assert kinds(fuse(*parts(), pays=lambda block: False)) == [Convolution] * 3 + [SaveShift]


def test_blocks_behind_each_other_are_each_fused():
    first = inverted_residual(6, 6, 8, 24, 8)
    second = inverted_residual(6, 6, 8, 24, 8)
    wide, thin, out = (Tensor(name, 6, 6, size) for name, size in (("h", 24), ("f", 24), ("z", 8)))
    network = fuse(
        first.expand,
        first.depthwise,
        first.project,
        replace(second.expand, x=first.project.out, out=wide),
        replace(second.depthwise, x=wide, out=thin),
        replace(second.project, x=thin, out=out),
    )
    assert kinds(network) == [InvertedResidual, InvertedResidual]


def test_layers_that_do_not_follow_each_other_stay():
    expand, depth, project, _ = parts()
    other = replace(depth, x=replace(depth.x, name="another"))
    assert InvertedResidual not in kinds(fuse(expand, other, project))
    other = replace(project, x=replace(project.x, name="another"))
    assert InvertedResidual not in kinds(fuse(expand, depth, other))


def test_hidden_values_that_others_use_stay():
    expand, depth, project, _ = parts()
    for hidden in (expand.out, depth.out):
        again = replace(project, x=hidden, out=Tensor("again", 6, 6, 8), residual=None)
        assert InvertedResidual not in kinds(fuse(expand, depth, project, again))
        returned = Network(FRAME, hidden, (expand, depth, project))
        assert InvertedResidual not in kinds(fuse_blocks(returned, lambda _: True))


def test_hidden_value_that_is_saved_for_the_next_frame_stays():
    expand, depth, project, _ = parts()
    assert InvertedResidual not in kinds(
        fuse(expand, depth, replace(save_shift(6, 6, 24, 3), x=expand.out), project)
    )


def test_sums_inside_a_block_stay():
    expand, depth, project, _ = parts()
    added = replace(expand, residual=Tensor("z", 6, 6, 24))
    assert InvertedResidual not in kinds(fuse(added, depth, project))


def test_other_kinds_of_three_convolutions_stay():
    expand, depth, project, _ = parts()
    plain = replace(convolution(6, 6, 24, 24, kernel=3, padding=1), x=depth.x, out=depth.out)
    assert InvertedResidual not in kinds(fuse(expand, plain, project))
    grouped = replace(convolution(6, 6, 24, 8, groups=4), x=project.x, out=project.out)
    assert InvertedResidual not in kinds(fuse(expand, depth, grouped))
    shifted = replace(project, shift=expand.shift)
    assert InvertedResidual not in kinds(fuse(expand, depth, shifted))
