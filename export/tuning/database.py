"""The file of measured tiles: one JSON document a target, readable by people, replaced whole after every layer.

An entry belongs to one kind of layer on one kind of vector unit, and says what was measured, where and with what.
Reading needs neither torch nor TVM.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import msgspec
import platformdirs

from tsm_edge.errors import TuningError
from tsm_edge.export.kernels.tiling import TileQuestion, TileShape
from tsm_edge.files import file_written_aside
from tsm_edge.specs import Count, Positive
from tsm_edge.targets import TargetSpec

__all__ = [
    "TileChoice",
    "TunedLayer",
    "check_writable",
    "database_path",
    "machine_key",
    "read_database",
    "rules_fingerprint",
    "store_layer",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class TileChoice:
    """The tile for a question that a rule asks, see `TileQuestion`."""

    pixels: Positive
    channels: Positive
    depth: Positive
    pixel_stride: Count
    uniform: bool = False
    tile_pixels: Positive
    tile_vectors: Positive
    lanes: Positive
    last: Count = 0

    @classmethod
    def of(cls, question: TileQuestion, tile: TileShape) -> "TileChoice":
        """The record of a tile."""
        return cls(
            pixels=question.pixels,
            channels=question.channels,
            depth=question.depth,
            pixel_stride=question.pixel_stride,
            uniform=question.uniform,
            tile_pixels=tile.pixels,
            tile_vectors=tile.vectors,
            lanes=tile.lanes,
            last=tile.last,
        )

    @property
    def question(self) -> TileQuestion:
        """What the rule asked."""
        return TileQuestion(self.pixels, self.channels, self.depth, self.pixel_stride, self.uniform)

    @property
    def tile(self) -> TileShape:
        """The answer."""
        return TileShape(self.tile_pixels, self.tile_vectors, self.lanes, self.last)


@dataclass(frozen=True, kw_only=True)
class TunedLayer:
    """What was found for one kind of layer.

    Attributes:
        layer: What such layers have in common.
        machine: Processor and vector unit that the kernels were compiled for.
        choices: The fastest tiles; the rule's own where nothing was faster.
        rule_ms: What the kernel took with the rule's own tiles.
        tuned_ms: What it took with these, measured in turn with the former.
        trials: How many other tiles were tried.
        device: Where they were measured.
        measured_at: ISO 8601.
        command: What was typed.
        versions: Tool versions by package name.
        rules: Fingerprint of the kernel rules.
    """

    layer: str
    machine: str
    choices: tuple[TileChoice, ...]
    rule_ms: float
    tuned_ms: float
    trials: Count
    device: str
    measured_at: str
    command: str = ""
    versions: dict[str, str]
    rules: str


@dataclass(frozen=True, kw_only=True)
class _Database:
    layers: tuple[TunedLayer, ...] = ()
    schema_version: int = SCHEMA_VERSION


def database_path(target: TargetSpec) -> Path:
    """Where the results for `target` are kept: ~/.local/share/tsm-edge/tuning/<target>.json on Linux."""
    return Path(platformdirs.user_data_dir("tsm-edge", appauthor=False)) / "tuning" / f"{target.name}.json"


def machine_key(target: TargetSpec) -> str:
    """What code and rules depend on in `target`: results for another processor are none for this one."""
    features = f" {','.join(target.features)}" if target.features else ""
    return (
        f"{target.architecture} {target.cpu}{features}, {target.vector_registers} x {target.vector_bits} bits"
    )


def read_database(path: Path) -> tuple[TunedLayer, ...]:
    """All results in the file, none if there is no file.

    Raises:
        TuningError: It cannot be read, is not JSON, or of another schema.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise TuningError(
            f"cannot read the tuning database {path}: {error.strerror}; name another one or compile without tuning"
        ) from error
    try:
        database = msgspec.json.decode(text, type=_Database)
        if database.schema_version != SCHEMA_VERSION:
            raise msgspec.ValidationError(
                f"schema version {database.schema_version}, this tsm-edge reads {SCHEMA_VERSION}"
            )
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TuningError(
            f"the tuning database {path} is broken: {error}; delete it and tune again, or compile without tuning"
        ) from error
    return database.layers


def store_layer(path: Path, layer: TunedLayer) -> None:
    """Put a result into the file, in the place of an older one for the same layer and machine.

    Raises:
        TuningError: What is there cannot be read.
        OutputError: It cannot be written; the file is as it was.
    """
    others = [old for old in read_database(path) if (old.layer, old.machine) != (layer.layer, layer.machine)]
    _write(path, (*others, layer))


def check_writable(path: Path) -> None:
    """Refuse a place where results cannot be stored, before anything is measured.

    Raises:
        TuningError: There is something that is no database.
        OutputError: It cannot be written.
    """
    _write(path, read_database(path))


def _write(path: Path, layers: tuple[TunedLayer, ...]) -> None:
    document = msgspec.json.encode(_Database(layers=layers))
    with file_written_aside(path) as aside:
        aside.write_bytes(msgspec.json.format(document, indent=2) + b"\n")


def rules_fingerprint() -> str:
    """Of the files that write kernels: tells a result of these rules from one of others."""
    kernels = find_spec("tsm_edge.export.kernels")
    folders = (kernels and kernels.submodule_search_locations) or ()
    digest = sha256()
    for file in sorted(file for folder in folders for file in Path(folder).glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
