"""The search: layer by layer, question by question, the tiles next in the model's order are timed beside the rule's.

One question varies at a time and the others keep the fastest tile so far. What came out ahead is measured once more
against the rule's own tiles alone, since the fastest of many is partly the luckiest; that second measurement decides
and is what is written down.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tsm_edge.environment import package_versions
from tsm_edge.export.interruptions import interruptions_held
from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.tiling import TileQuestion, TileShape
from tsm_edge.export.layers import Network
from tsm_edge.export.tuning.database import (
    TileChoice,
    TunedLayer,
    machine_key,
    rules_fingerprint,
    store_layer,
)
from tsm_edge.export.tuning.layer_tiles import Tiles, lower_with, tile_texts
from tsm_edge.export.tuning.library import write_tuning_library
from tsm_edge.export.tuning.measure import Measurer
from tsm_edge.export.tuning.space import Tunable, tunable_layers
from tsm_edge.targets import TargetSpec

__all__ = ["LayerResult", "Search", "share_trials"]

# Less than that is noise, and not worth a kernel that differs from the rule's.
LEAST_GAIN = 0.02


@dataclass(frozen=True, kw_only=True)
class LayerResult:
    """What came out for one kind of layer.

    Attributes:
        layer: What it computes, in the network's words.
        count: How many of them the network has.
        rule_tiles, tiles: Pixels x channels of the rule's tiles and of the fastest.
        rule_ms: One call with the rule's tiles.
        tuned_ms: One call with the fastest ones.
        trials: How many others were tried.
        wrong: How many of them were ruled out because their result differed.
    """

    layer: str
    count: int
    rule_tiles: tuple[str, ...]
    tiles: tuple[str, ...]
    rule_ms: float
    tuned_ms: float
    trials: int
    wrong: int = 0

    @property
    def gain(self) -> float:
        """Share of the time that is saved; 0 where nothing was faster."""
        return 1 - self.tuned_ms / self.rule_ms


@dataclass
class _Trials:
    """A layer's search so far."""

    best: dict[TileQuestion, TileShape]
    spent: int = 0
    wrong: int = 0


@dataclass
class Search:
    """Measures candidates and stores what it finds.

    Attributes:
        target: What kernels are compiled for.
        measurer: Where they run.
        database: The file that takes each layer's result as soon as it is known.
        command: What was typed, for the record.
        on_trials: Told the layer and how many candidates were measured just now.
    """

    target: TargetSpec
    measurer: Measurer
    database: Path
    command: str = ""
    on_trials: Callable[[str, int], None] = lambda _layer, _trials: None
    _versions: dict[str, str] = field(default_factory=package_versions)

    def run(self, network: Network, trials: int) -> Iterator[LayerResult]:
        """Tune the layers of `network`, the most work first, with `trials` candidates in all.

        Raises:
            CompileError: A candidate cannot be compiled.
            TuningError: Nothing is left that can measure; what was found until then is stored.
        """
        left = trials
        with interruptions_held():
            layers = tunable_layers(network, self.target)
        for index, tunable in enumerate(layers):
            share = share_trials(left, [layer.flop for layer in layers[index:]])
            if share:
                result = self._tune(tunable, share)
                left -= result.trials
                yield result

    def _tune(self, tunable: Tunable, trials: int) -> LayerResult:
        state = _Trials(dict(tunable.tiles))
        for place, question in enumerate(tunable.tiles):
            share = -(-(trials - state.spent) // (len(tunable.tiles) - place))
            self._vary(tunable, question, share, state)
        rule_ms, tuned_ms = self._confirm(tunable, state)
        result = LayerResult(
            layer=tunable.call.layer,
            count=tunable.count,
            rule_tiles=tile_texts(tunable.tiles),
            tiles=tile_texts(state.best),
            rule_ms=rule_ms,
            tuned_ms=tuned_ms,
            trials=state.spent,
            wrong=state.wrong,
        )
        store_layer(self.database, self._entry(tunable, state.best, result))
        return result

    def _vary(self, tunable: Tunable, question: TileQuestion, trials: int, state: _Trials) -> None:
        """Try other tiles for one question."""
        candidates = tunable.candidates(question, machine_of(self.target))[:trials]
        if not candidates:
            return
        tiles = [state.best, *(state.best | {question: tile} for tile in candidates)]
        times = self._measure(tunable, tiles)
        state.spent += len(candidates)
        state.wrong += times.count(None)
        fastest = min((ms, index) for index, ms in enumerate(times) if ms is not None)[1]
        state.best = dict(tiles[fastest])
        self.on_trials(tunable.call.layer, len(candidates))

    def _confirm(self, tunable: Tunable, state: _Trials) -> tuple[float, float]:
        """The rule's tiles against the fastest, in a measurement of their own; takes back what does not last."""
        challengers = [state.best] if state.best != tunable.tiles else []
        rule_ms, *others = self._measure(tunable, [tunable.tiles, *challengers])
        assert rule_ms is not None  # everything else is compared with it
        if others and others[0] is not None and others[0] <= (1 - LEAST_GAIN) * rule_ms:
            return rule_ms, others[0]
        state.best = dict(tunable.tiles)
        return rule_ms, rule_ms

    def _measure(self, tunable: Tunable, tiles: Sequence[Tiles]) -> list[float | None]:
        """Milliseconds with each of `tiles`, None where the result differs from the first one's."""
        machine = machine_of(self.target)
        with interruptions_held():
            calls = [lower_with(tunable.layer, machine, choice) for choice in tiles]
        with tempfile.TemporaryDirectory(prefix="tsm-edge-tune-") as directory:
            library = Path(directory) / "candidates.so"
            write_tuning_library(calls, self.target, library)
            return [measured.ms for measured in self.measurer.measure(library, len(calls))]

    def _entry(self, tunable: Tunable, tiles: Tiles, result: LayerResult) -> TunedLayer:
        return TunedLayer(
            layer=tunable.key,
            machine=machine_key(self.target),
            choices=tuple(TileChoice.of(question, tile) for question, tile in tiles.items()),
            rule_ms=result.rule_ms,
            tuned_ms=result.tuned_ms,
            trials=result.trials,
            device=self.measurer.device,
            measured_at=datetime.now().astimezone().isoformat(timespec="seconds"),
            command=self.command,
            versions=self._versions,
            rules=rules_fingerprint(),
        )


def share_trials(trials: int, flop: list[int]) -> int:
    """How many of `trials` the first of these layers gets: by its work, and one as long as there are any."""
    return min(trials, max(1, round(trials * flop[0] / sum(flop))))
