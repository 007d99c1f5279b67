"""What can be tuned in a network: its distinct layers, and the questions of tile size that their rules ask."""

from dataclasses import dataclass, replace

from tsm_edge.export.kernels.call import KernelCall
from tsm_edge.export.kernels.machine import Machine, machine_of
from tsm_edge.export.kernels.tiling import TileQuestion, TileShape, rank_tiles, split_evenly
from tsm_edge.export.layers import Layer, Network
from tsm_edge.export.plan import fuse_for
from tsm_edge.export.tuning.layer_tiles import Tiles, asked_tiles, layer_key
from tsm_edge.targets import TargetSpec

__all__ = ["Tunable", "tunable_layers"]


@dataclass(frozen=True, eq=False)
class Tunable:
    """A layer whose rule asks for tiles, and all layers of the network that are like it.

    Attributes:
        key: What such layers have in common.
        call: The kernel as the rule alone would write it.
        tiles: The rule's own answers.
        count: How many of them the network has.
    """

    layer: Layer
    key: str
    call: KernelCall
    tiles: Tiles
    count: int = 1

    @property
    def flop(self) -> int:
        """Floating point operations of all of them, in a frame."""
        return self.count * self.call.flop

    def candidates(self, question: TileQuestion, machine: Machine) -> list[TileShape]:
        """Other tiles than the rule's, the most promising first; of tiles that split the pixels alike the first."""
        seen = {_code_of(question, self.tiles[question])}
        different = []
        for tile in rank_tiles(question, machine):
            if _code_of(question, tile) not in seen:
                seen.add(_code_of(question, tile))
                different.append(tile)
        return different


def tunable_layers(network: Network, target: TargetSpec) -> list[Tunable]:
    """The layers of `network` that have a choice, each kind once, the most work first.

    Raises:
        CompileError: A layer that no rule covers.
    """
    machine = machine_of(target)
    found: dict[str, Tunable] = {}
    for layer in fuse_for(target, network).layers:
        key = layer_key(layer)
        if key in found:
            found[key] = replace(found[key], count=found[key].count + 1)
            continue
        call, tiles = asked_tiles(layer, machine)
        tunable = Tunable(layer, key, call, tiles)
        if any(tunable.candidates(question, machine) for question in tiles):
            found[key] = tunable
    return sorted(found.values(), key=lambda tunable: -tunable.flop)


def _code_of(question: TileQuestion, tile: TileShape) -> object:
    """Tiles for which this is equal give the same code: a rule splits pixels evenly by the largest tile allowed."""
    return split_evenly(question.pixels, tile.pixels), tile.vector_lanes
