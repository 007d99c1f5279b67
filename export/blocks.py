"""Three layers into one: which expansions, depthwise convolutions and projections become an InvertedResidual.

    1x1, or the stem -> depthwise -> 1x1, each used by the next one alone

Whether one kernel for them is faster depends on the target's caches; where it is not, they stay as they are.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from tsm_edge.export.layers import Convolution, InvertedResidual, Layer, Network, SaveShift, Tensor

__all__ = ["fuse_blocks"]


def fuse_blocks(network: Network, pays: Callable[[InvertedResidual], bool]) -> Network:
    """`network` with every block fused for which `pays` says so.

    Args:
        network: Fused layers.
        pays: Whether one kernel for the block is faster than three.
    """
    uses = _count_uses(network)
    layers = list(network.layers)
    fused: list[Layer] = []
    while layers:
        block = _block_at_start(layers, uses)
        if block and pays(block):
            saved = [layer for layer in layers[: _span(layers, block)] if isinstance(layer, SaveShift)]
            fused += [block, *saved]
            layers = layers[_span(layers, block) :]
        else:
            fused.append(layers.pop(0))
    return Network(network.frame, network.logits, tuple(fused))


def _block_at_start(layers: Sequence[Layer], uses: Counter[Tensor]) -> InvertedResidual | None:
    """The block that begins with the first layer; saving a shift buffer may stand in between."""
    chain = [layer for layer in layers[:5] if not isinstance(layer, SaveShift)][:3]
    if len(chain) < 3 or isinstance(layers[0], SaveShift):
        return None
    expand, depthwise, project = chain
    if not (_is_full(expand) and _is_depthwise(depthwise) and _is_pointwise(project)):
        return None
    assert (
        isinstance(expand, Convolution)
        and isinstance(depthwise, Convolution)
        and isinstance(project, Convolution)
    )
    linked = depthwise.x == expand.out and project.x == depthwise.out
    alone = uses[expand.out] == uses[depthwise.out] == 1
    plain = expand.residual is None and depthwise.residual is None and project.shift is None
    return InvertedResidual(expand, depthwise, project) if linked and alone and plain else None


def _span(layers: Sequence[Layer], block: InvertedResidual) -> int:
    return next(index for index, layer in enumerate(layers) if layer is block.project) + 1


def _is_full(layer: Layer) -> bool:
    return (
        isinstance(layer, Convolution)
        and layer.groups == 1
        and layer.weight.shape[2] == layer.weight.shape[3]
    )


def _is_pointwise(layer: Layer) -> bool:
    return (
        isinstance(layer, Convolution)
        and layer.weight.shape[2:] == (1, 1)
        and (layer.stride, layer.padding, layer.groups) == (1, 0, 1)
        and not layer.x.planar
    )


def _is_depthwise(layer: Layer) -> bool:
    return (
        isinstance(layer, Convolution)
        and layer.groups == layer.x.channels == layer.out.channels
        and not layer.shift
    )


def _count_uses(network: Network) -> Counter[Tensor]:
    uses: Counter[Tensor] = Counter([network.logits])
    for layer in network.layers:
        if not isinstance(layer, InvertedResidual):
            uses[layer.x] += 1
        if isinstance(layer, Convolution) and layer.residual:
            uses[layer.residual] += 1
    return uses
