"""What distinguishes a layer for tuning, and which tiles its rule asks for: found out by letting the rule ask."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tsm_edge.export.kernels.call import KernelCall
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.rules import lower_layer
from tsm_edge.export.kernels.tiling import TileQuestion, TileShape, rank_tiles
from tsm_edge.export.layers import Convolution, InvertedResidual, Layer, Tensor

__all__ = ["Tiles", "asked_tiles", "layer_key", "lower_with", "tile_texts"]

# An answer for every question that a layer's rule asks, in the order in which it asks them.
Tiles = Mapping[TileQuestion, TileShape]


class _Asked(Mapping[TileQuestion, TileShape]):
    """Knows no tile and remembers what it was asked."""

    def __init__(self) -> None:
        self.questions: dict[TileQuestion, None] = {}

    def __getitem__(self, question: TileQuestion) -> TileShape:
        self.questions[question] = None
        raise KeyError(question)

    def __iter__(self) -> Iterator[TileQuestion]:
        return iter(())

    def __len__(self) -> int:
        return 0


def asked_tiles(layer: Layer, machine: Machine) -> tuple[KernelCall, Tiles]:
    """The kernel as the rule alone writes it, and the tiles that it chose."""
    asked = _Asked()
    call = lower_layer(layer, replace(machine, tuned_tiles=asked))
    return call, {question: rank_tiles(question, machine)[0] for question in asked.questions}


def lower_with(layer: Layer, machine: Machine, tiles: Tiles) -> KernelCall:
    """The kernel with these tiles."""
    return lower_layer(layer, replace(machine, tuned_tiles=tiles))


def layer_key(layer: Layer) -> str:
    """All of a layer but its weights and the names of its tensors; equal for layers that share a kernel."""
    if isinstance(layer, InvertedResidual):
        parts = (layer.expand, layer.depthwise, layer.project)
        own = ", own input" if layer.project.residual == layer.expand.x else ""
        return f"block: {'; '.join(map(layer_key, parts))}{own}"
    if not isinstance(layer, Convolution):
        return type(layer).__name__
    x, out = layer.x, layer.out
    rows, columns = layer.weight.shape[2:]
    extras = [
        "planar" if x.planar else "",
        f"padding {layer.padding}" if layer.padding else "",
        f"{layer.groups} groups" if layer.groups > 1 else "",
        f"shift {layer.shift.channels}" if layer.shift else "",
        "add" if layer.residual else "",
        layer.activation if layer.activation != "none" else "",
    ]
    window = f"{rows}x{columns}/{layer.stride}"
    return " ".join([window, _shape(x), "->", _shape(out), *filter(None, extras)])


def _shape(tensor: Tensor) -> str:
    return f"{tensor.height}x{tensor.width}x{tensor.channels}"


def tile_texts(tiles: Tiles) -> tuple[str, ...]:
    """Pixels x channels of each tile, as far as there are that many pixels."""
    return tuple(f"{min(tile.pixels, question.pixels)}x{tile.width}" for question, tile in tiles.items())
