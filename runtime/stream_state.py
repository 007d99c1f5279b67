"""All that a stream remembers, as plain arrays: the same for every backend, and storable."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsm_edge.errors import StateError
from tsm_edge.files import file_written_aside
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.smoothing import NO_LABEL, SmoothingState
from tsm_edge.specs import ModelSpec

__all__ = ["StreamState", "check_state"]

_COUNTERS = ("frame", "shown", "candidate", "wins")
_SECONDS = ("candidate_s", "quiet_s")


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamState:
    """A stream between two frames.

    Attributes:
        shift_buffers: One (1, C // shift_div, H, W) float32 per shifted block, as `ModelSpec.state` says; of a model
            with several memories (`ModelSpec.interleave`) those of each, the one that reads next first.
        smoothing: Logits and labels that smoothing remembers.
        frame: How many frames the stream has seen.
    """

    shift_buffers: tuple[Float32Array, ...]
    smoothing: SmoothingState
    frame: int

    def save(self, path: str | Path) -> None:
        """Write it as .npz.

        Raises:
            OutputError: The file cannot be written.
        """
        arrays: dict[str, Any] = {f"shift_buffer_{i}": buffer for i, buffer in enumerate(self.shift_buffers)}
        arrays |= {"history": self.smoothing.history, "ages_s": self.smoothing.ages_s}
        arrays |= {name: getattr(self.smoothing, name) for name in _SECONDS}
        counters = (self.frame, self.smoothing.shown, self.smoothing.candidate, self.smoothing.wins)
        arrays.update(zip(_COUNTERS, counters, strict=True))
        with file_written_aside(Path(path)) as aside, aside.open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "StreamState":
        """Read what `save` wrote; whether it fits a stream is seen when it is loaded there.

        Raises:
            StateError: No such file, or another kind of file.
        """
        try:
            # Opened here, because numpy leaves a damaged file open.
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _from_arrays(arrays)
        except (
            OSError,
            EOFError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            zipfile.BadZipFile,
        ) as error:
            raise StateError(
                f"{path} is no saved stream state: {error}; give a file that save() wrote"
            ) from error


def _from_arrays(arrays: Mapping[str, Any]) -> StreamState:
    buffers = sorted(int(name.rpartition("_")[2]) for name in arrays if name.startswith("shift_buffer_"))
    frame, shown, candidate, wins = (int(arrays[name]) for name in _COUNTERS)
    candidate_s, quiet_s = (float(arrays[name]) for name in _SECONDS)
    return StreamState(
        shift_buffers=tuple(arrays[f"shift_buffer_{i}"] for i in buffers),
        smoothing=SmoothingState(
            history=arrays["history"], ages_s=arrays["ages_s"], shown=shown, candidate=candidate, wins=wins,
            candidate_s=candidate_s, quiet_s=quiet_s,
        ),
        frame=frame,
    )  # fmt: skip


def check_state(state: StreamState, spec: ModelSpec) -> None:
    """See that `state` belongs to a stream of this model.

    Raises:
        StateError: Another number of buffers, another shape or dtype, values that are not finite, or labels
            and counters out of range.
    """
    if not isinstance(state, StreamState):
        raise StateError(f"a {type(state).__name__} is no stream state; give what stream.state() returned")
    shapes = spec.state.shapes * spec.interleave
    if len(state.shift_buffers) != len(shapes):
        raise StateError(
            f"the state has {len(state.shift_buffers)} shift buffers, model {spec.name} has "
            f"{len(shapes)}; give a state of the same model"
        )
    for i, (buffer, shape) in enumerate(zip(state.shift_buffers, shapes, strict=True)):
        _check_array(f"shift_buffer_{i}", buffer, shape)
    _check_smoothing(state.smoothing, spec)
    if state.frame < 0:
        raise StateError(
            f"the state has seen {state.frame} frames; give a state that stream.state() returned"
        )


def _check_smoothing(state: SmoothingState, spec: ModelSpec) -> None:
    _check_array("history", state.history, (*np.shape(state.history)[:1], spec.num_classes))
    _check_array("ages_s", state.ages_s, np.shape(state.history)[:1])
    if not (state.candidate_s >= 0 and state.quiet_s >= 0 and (state.ages_s >= 0).all()):
        raise StateError("the state holds seconds below zero; give a state that stream.state() returned")
    for name, index in (("shown", state.shown), ("candidate", state.candidate)):
        if not NO_LABEL <= index < spec.num_classes:
            raise StateError(
                f"{name} label {index} of the state is none of the model's {spec.num_classes} classes"
            )


def _check_array(name: str, array: Float32Array, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != shape:
        given = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise StateError(
            f"{name} of the state is {given}, the model needs float32 {shape}; give one of the same model"
        )
    if not np.isfinite(array).all():
        raise StateError(f"{name} of the state holds NaN or infinity; reset the stream instead")
