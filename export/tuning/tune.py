"""Tuning a network from end to end.

bundle or model -> ONNX -> fused layers -> candidates, layer by layer -> this machine or boards -> database
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import UsageError
from tsm_edge.export.codegen import check_processor
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.interruptions import interruptions_held
from tsm_edge.export.layers import Network
from tsm_edge.export.models import ClipModel
from tsm_edge.export.onnx_export import export_onnx
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.export.tuning.database import check_writable, database_path
from tsm_edge.export.tuning.measure import LocalMeasurer, Measurer
from tsm_edge.export.tuning.remote import RemoteMeasurer
from tsm_edge.export.tuning.search import LayerResult, Search
from tsm_edge.targets import TargetSpec

__all__ = ["DEFAULT_TRIALS", "TuningReport", "tune_network"]

DEFAULT_TRIALS = 200


@dataclass(frozen=True, kw_only=True)
class TuningReport:
    """What was measured.

    Attributes:
        layers: Each kind of layer that was tuned, the most work first.
        database: Where the results are kept.
        device: Where they were measured.
    """

    layers: tuple[LayerResult, ...]
    database: Path
    device: str


def tune_network(
    source: ClipModel | Bundle,
    target: TargetSpec,
    *,
    trials: int = DEFAULT_TRIALS,
    database: Path | None = None,
    tracker: str | None = None,
    key: str | None = None,
    command: str = "",
    announce: Callable[[str], None] = lambda _: None,
    on_trials: Callable[[str, int], None] = lambda _layer, _trials: None,
    on_layer: Callable[[LayerResult], None] = lambda _: None,
) -> TuningReport:
    """Measure other tiles than the rules', and keep what is faster for the next `compile_bundle`.

    Args:
        source: What is tuned; of a bundle its network, whatever it was compiled for.
        target: What is compiled for, and what it is measured on.
        trials: How many candidates to measure, shared by the layers in proportion to their work.
        database: The file of results; None is the user's own for the target.
        tracker: HOST:PORT of a TVM RPC tracker; None measures on this machine.
        key: The key of the boards there.
        command: What was typed, for the record.
        announce: Told of what happens beside, such as a board that was lost.
        on_trials: Told a layer and how many candidates were measured just now.
        on_layer: Told each result as soon as it is kept.

    Raises:
        TuningError: This machine cannot run the code, no board is left, or the database is broken. What was
            measured until then is kept, and so it is when the call is interrupted.
        CompileError: A layer has no kernel, or TVM or the linker refused.
        OutputError: The database cannot be written.
        UsageError: Fewer trials than one, a tracker without a key, or a processor that LLVM does not know.
    """
    if trials < 1:
        raise UsageError(f"{trials} trials; choose 1 or more")
    check_processor(target)
    measurer = _measurer(target, tracker, key, announce)
    path = database or database_path(target)
    check_writable(path)
    search = Search(target, measurer, path, command, on_trials)
    layers = []
    for result in search.run(_network(source), trials):
        on_layer(result)
        layers.append(result)
    return TuningReport(layers=tuple(layers), database=path, device=measurer.device)


def _measurer(
    target: TargetSpec, tracker: str | None, key: str | None, announce: Callable[[str], None]
) -> Measurer:
    if tracker is None and key is None:
        return LocalMeasurer(target)
    if not tracker or not key:
        raise UsageError("boards are found by the tracker's address and their key; give both or neither")
    return RemoteMeasurer(tracker, key, announce)


def _network(source: ClipModel | Bundle) -> Network:
    with tempfile.TemporaryDirectory(prefix="tsm-edge-") as directory:
        path = source.path / ONNX_MODEL if isinstance(source, Bundle) else Path(directory) / ONNX_MODEL
        if isinstance(source, ClipModel):
            export_onnx(source, path)
        with interruptions_held():
            return fuse_layers(read_graph(import_relax(path)))
