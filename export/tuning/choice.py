"""What compiling makes of measured tiles: uses them where they still are among the rules' own, and says where not."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tsm_edge.export.kernels.call import KernelCall
from tsm_edge.export.kernels.machine import Machine
from tsm_edge.export.kernels.rules import lower_layer
from tsm_edge.export.kernels.tiling import rank_tiles
from tsm_edge.export.layers import Layer
from tsm_edge.export.tuning.database import TunedLayer, machine_key, read_database, rules_fingerprint
from tsm_edge.export.tuning.layer_tiles import Tiles, asked_tiles, layer_key, lower_with, tile_texts
from tsm_edge.manifest import TunedRecord
from tsm_edge.targets import TargetSpec

__all__ = ["ChosenCall", "TunedTiles"]


@dataclass(frozen=True)
class ChosenCall:
    """A layer's kernel.

    Attributes:
        tuned: What was measured of its tiles, if they are not the rule's own.
        note: Why a measured result was not used, or what is doubtful about it.
    """

    call: KernelCall
    tuned: TunedRecord | None = None
    note: str = ""


class TunedTiles:
    """The results for one kind of machine."""

    def __init__(self, layers: Iterable[TunedLayer] = ()) -> None:
        self._layers = {layer.layer: layer for layer in layers}
        self._rules = rules_fingerprint() if self._layers else ""

    @classmethod
    def read(cls, path: Path, target: TargetSpec) -> "TunedTiles":
        """Those results of a database that are for machines like `target`.

        Raises:
            TuningError: The file is broken.
        """
        return cls(layer for layer in read_database(path) if layer.machine == machine_key(target))

    def choose(self, layer: Layer, machine: Machine) -> ChosenCall:
        """The kernel for `layer`, with measured tiles where there are any.

        Raises:
            CompileError: No rule covers the layer.
        """
        found = self._layers.get(layer_key(layer))
        if found is None:
            return ChosenCall(lower_layer(layer, machine))
        call, own = asked_tiles(layer, machine)
        tiles = _tiles_of(found)
        reason = _why_not(tiles, own, machine)
        if reason:
            return ChosenCall(call, note=f"{call.layer}: {reason}, not used; tune again")
        if tiles == own:
            return ChosenCall(call)
        note = (
            ""
            if found.rules == self._rules
            else f"{call.layer}: measured with other kernel rules, used; tune again"
        )
        return ChosenCall(lower_with(layer, machine, tiles), _record(found, tiles), note)


def _tiles_of(found: TunedLayer) -> Tiles:
    return {choice.question: choice.tile for choice in found.choices}


def _why_not(tiles: Tiles, own: Tiles, machine: Machine) -> str:
    if tiles.keys() != own.keys():
        return "its rule has other tiles now"
    for question, tile in tiles.items():
        if tile not in rank_tiles(question, machine):
            return f"a tile of {tile.pixels} x {tile.width} is none of its rule's any more"
    return ""


def _record(found: TunedLayer, tiles: Tiles) -> TunedRecord:
    return TunedRecord(
        tiles=tile_texts(tiles),
        rule_ms=found.rule_ms,
        tuned_ms=found.tuned_ms,
        trials=found.trials,
        device=found.device,
        measured_at=found.measured_at,
    )
