#!/usr/bin/env python3
"""tsm_edge_lite - runs the bundle that it lies in, with Python 3.6 or newer and numpy alone.

    python3 tsm_edge_lite.py                            # replay the golden stream: compare, time
    python3 tsm_edge_lite.py --source csi://0           # predict a camera; see --help for other sources

    from tsm_edge_lite import Session
    with Session.load("bundle") as session:
        stream = session.open_stream(on_event=print)
        prediction = stream.step(frame)                 # (H, W, 3) uint8 BGR, of any size
        print(prediction.smoothed_label, prediction.score, prediction.latency_ms)

Names and meanings are those of the package tsm-edge (tsm_edge.runtime), whose saved states fit as well. Pictures
are cropped, resized and normalised by the bundle's C library; OpenCV is needed for cameras and videos alone.
"""

import argparse
import ctypes
import hashlib
import json
import os
import platform
import re
import signal
import sys
import threading
import time
import weakref
import zipfile
from ctypes import byref, c_int32, c_int64, c_void_p, sizeof
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

try:
    import numpy as np
except ImportError as _error:
    _HINT = f"tsm_edge_lite needs numpy ({_error}): sudo apt-get install python3-numpy"
    if __name__ == "__main__":
        sys.exit(_HINT)
    raise ImportError(_HINT) from _error

__all__ = ["Event", "Prediction", "Session", "Stream", "StreamState", "TsmEdgeError", "verify"]

ABI_VERSION, SCHEMA_VERSION = 2, 1
LIBRARY, WEIGHTS = "libtsm_model.so", "weights.bin"
EXECUTED = (LIBRARY, WEIGHTS, "kernels.ptx", "gpu_weights.bin")
DEVICES = {"auto": 0, "cpu": 1, "gpu": 2}  # TSM_DEVICE_* of tsm_edge.h
IMAGE_BGR, STATUS_VALUE, STATUS_IMAGE = 1, -6, -7
MAX_THREADS = 64
MAX_ASPECT_RATIO = 32  # no camera comes near; the resized picture's memory grows with it
MAX_INPUT = 1e4  # normalised pixels lie within 3 of zero; far larger ones could overflow inside the network
CPUINFO = Path("/proc/cpuinfo")
TOP_K = 5
NO_LABEL = -1
USUAL_FRAME_S = 1 / 12  # what a frame lasts where nobody says when it was taken
EARLY, SPREAD, BEHIND = 0.75, 0.8, 2.0  # of intervals between frames, see tsm_edge.runtime.pacing
ROUNDING_S = 1e-4  # a frame that is due at a limit must not miss it by rounding
# The same arithmetic in another order of summation; half floats have 11 bits.
TOLERANCES = {"fp32": 1e-5, "fp16": 2e-2}
FPS = 25.0  # of what names no rate
# Instruction sets that a target's code may use, as /proc/cpuinfo spells them.
ARM_FLAGS = {"+dotprod": "asimddp", "+fullfp16": "asimdhp"}
X86_FLAGS = {128: ("sse4_2",), 256: ("avx2", "fma"), 512: ("avx512f", "avx512vl")}
# NVIDIA Jetson Linux Developer Guide, Accelerated GStreamer; one buffer, so that no old frame waits.
CSI_PIPELINE = (
    "nvarguscamerasrc sensor-id={} ! "
    "video/x-raw(memory:NVMM), width=1280, height=720, framerate=30/1, format=NV12 ! "
    "nvvidconv ! video/x-raw, format=BGRx ! videoconvert ! video/x-raw, format=BGR ! "
    "appsink drop=true max-buffers=1 sync=false"
)
PICTURES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


class TsmEdgeError(Exception):
    """Root of all errors that are raised on purpose; a message is one line."""


class UsageError(TsmEdgeError):
    """The command or call itself is wrong."""


class BundleError(TsmEdgeError):
    """A bundle is incomplete, altered or of another schema version."""


class BundleMismatchError(BundleError):
    """A bundle was made for another processor, system or C interface."""


class VerificationError(BundleError):
    """The golden stream came out differently."""


class FrameError(TsmEdgeError, ValueError):
    """A frame has the wrong shape, dtype or values."""


class StateError(TsmEdgeError, ValueError):
    """A saved state does not fit the stream."""


class SourceError(TsmEdgeError):
    """A camera, video or picture cannot be read."""


class Event(NamedTuple):
    """A gesture started or ended; `kind` is "started" or "ended"."""

    kind: str
    label: str
    frame: int
    timestamp_s: Optional[float] = None


class Prediction(NamedTuple):
    """One frame's answer.

    logits: (num_classes,) float32 of this frame alone; top: its five most probable labels with their
    probabilities; smoothed_label: what to show; latency_ms: by stage, "preprocess", "infer", "postprocess".
    """

    frame: int
    timestamp_s: Optional[float]
    logits: Any
    top: Tuple[Tuple[str, float], ...]
    smoothed_label: str
    events: Tuple[Event, ...]
    latency_ms: Dict[str, float]

    @property
    def label(self) -> str:
        """The most probable class of this frame alone."""
        return self.top[0][0]

    @property
    def score(self) -> float:
        """Its probability, 0 to 1."""
        return self.top[0][1]

    @property
    def event(self) -> Optional[Event]:
        """The last of `events`, if any."""
        return self.events[-1] if self.events else None


class SmoothingState(NamedTuple):
    """What smoothing remembers: logits (k, num_classes) of the last frames, their ages, label indices, seconds."""

    history: Any
    ages_s: Any
    shown: int
    candidate: int
    wins: int
    candidate_s: float
    quiet_s: float


class StreamState(NamedTuple):
    """All that a stream remembers; `shift_buffers` are (1, C, H, W) float32, one a shifted block and memory."""

    shift_buffers: Tuple[Any, ...]
    smoothing: SmoothingState
    frame: int

    def save(self, path: str) -> None:
        """Write it as .npz, whole or not at all; the package reads it too."""
        arrays = {f"shift_buffer_{i}": buffer for i, buffer in enumerate(self.shift_buffers)}
        aside = Path(f"{path}.{os.getpid()}.tmp")
        try:
            with aside.open("wb") as file:
                np.savez(file, frame=self.frame, **arrays, **self.smoothing._asdict())
            aside.replace(path)
        except OSError as error:
            raise TsmEdgeError(f"cannot write {path}: {error.strerror}; choose another place") from error
        finally:
            if aside.exists():
                aside.unlink()

    @classmethod
    def load(cls, path: str) -> "StreamState":
        """Read what `save` wrote, here or in the package."""
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                count = sum(name.startswith("shift_buffer_") for name in arrays.files)
                buffers = tuple(arrays[f"shift_buffer_{i}"] for i in range(count))
                counters = [int(arrays[name]) for name in ("shown", "candidate", "wins")]
                seconds = [float(arrays[name]) for name in ("candidate_s", "quiet_s")]
                smoothing = SmoothingState(arrays["history"], arrays["ages_s"], *counters, *seconds)
                return cls(buffers, smoothing, int(arrays["frame"]))
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise StateError(f"{path} is no saved stream state: {error}; give what save() wrote") from error


class _Info(ctypes.Structure):
    """tsm_info of tsm_edge.h."""

    _fields_ = (
        *((name, c_int32) for name in ("abi_version", "height", "width", "num_classes")),
        *((name, c_int32) for name in ("state_floats", "num_calls")),
        *((name, c_int64) for name in ("arena_bytes", "weight_bytes")),
    )


class _Options(ctypes.Structure):
    """tsm_model_options of tsm_edge.h."""

    _fields_ = (
        *((name, c_int32) for name in ("size", "num_threads", "device", "affinity")),
        ("weights_path", ctypes.c_char_p),
        ("weights", c_void_p),
        ("weight_bytes", c_int64),
        ("message", c_void_p),
        ("message_bytes", c_int32),
    )


class _Image(ctypes.Structure):
    """tsm_image of tsm_edge.h."""

    _fields_ = (
        *((name, c_int32) for name in ("size", "format", "width", "height", "rotation")),
        ("planes", c_void_p * 3),
        ("row_strides", c_int32 * 3),
        ("pixel_strides", c_int32 * 3),
    )


class _Library:
    """libtsm_model.so: its functions, with statuses as exceptions."""

    def __init__(self, path: Path) -> None:
        try:
            self.functions = ctypes.CDLL(str(path.resolve()))
            version = self.functions.tsm_abi_version()
            for name in ("tsm_status_text", "tsm_model_device"):
                getattr(self.functions, name).restype = ctypes.c_char_p
            for name in ("tsm_model_close", "tsm_stream_destroy"):
                getattr(self.functions, name).restype = None
        except (OSError, AttributeError) as error:
            raise BundleMismatchError(f"cannot load {path}: {error}; compile it for this device") from error
        if version != ABI_VERSION:
            raise BundleMismatchError(f"{path} has C interface version {version}, accepted is {ABI_VERSION}")

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function and raise what its status means."""
        status = getattr(self.functions, name)(*arguments)
        if status:
            text = self.functions.tsm_status_text(status).decode()
            if status in (STATUS_VALUE, STATUS_IMAGE):
                kind = StateError if name == "tsm_stream_load" else FrameError
                raise kind(f"{text}; the stream is as before")
            raise BundleError(f"{name}: {text}")


class Session:
    """One set of weights and any number of streams, which may run in threads of their own.

    spec: the manifest's "model"; device: "cpu", or "gpu" and its name; note: why it is not the GPU, or nothing.
    """

    def __init__(self, path: str, threads: Optional[int], device: str) -> None:
        self.path = Path(path)
        self.manifest = _read_manifest(self.path)
        self.spec: Dict[str, Any] = self.manifest["model"]
        self.threads: int = self.manifest["threads"] if threads is None else threads
        if not 1 <= self.threads <= MAX_THREADS:
            raise UsageError(
                f"{self.threads} threads; give 1 to {MAX_THREADS}, or none for the bundle's default"
            )
        if device not in DEVICES:
            raise UsageError(f"unknown device {device!r}; choose one of {', '.join(DEVICES)}")
        _check_machine(self.manifest["target"])
        # What is executed is checked in full; `verify` does so for the rest.
        check_files(self.path, self.manifest, hashed=EXECUTED)
        self._library = _Library(self.path / LIBRARY)
        self._info = _Info()
        self._library.call("tsm_get_info", byref(self._info))
        _check_info(self._info, self.spec, self.path)
        self._model = c_void_p()
        self._streams: Any = weakref.WeakSet()
        self._lock = threading.Lock()
        self.device, self.note = self._open(DEVICES[device])

    @classmethod
    def load(cls, path: str = "", threads: Optional[int] = None, device: str = "auto") -> "Session":
        """Load the bundle in the folder `path`, by default the one that this file lies in.

        threads: how many cores one frame may use, None: the bundle's default; device: "auto", "cpu" or "gpu".
        """
        return cls(path or str(Path(__file__).resolve().parent), threads, device)

    def open_stream(
        self, smoothing: bool = True, on_event: Optional[Callable[[Event], Any]] = None
    ) -> "Stream":
        """A new stream with empty memory; `on_event` hears of gestures that start or end."""
        with self._lock:
            if not self._model:
                raise UsageError("this session is closed; load the bundle again with Session.load()")
            stream = Stream(self, smoothing, on_event)
            self._streams.add(stream)
        return stream

    def close(self) -> None:
        """Close all streams and free the weights; waits for frames that are being predicted."""
        with self._lock:
            model, self._model = self._model, c_void_p()
            streams = list(self._streams)
        for stream in streams:
            stream.close()
        self._library.functions.tsm_model_close(model)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _open(self, device: int) -> Tuple[str, str]:
        said = ctypes.create_string_buffer(512)
        numbers = (sizeof(_Options), self.threads, device, 0)
        weights = os.fsencode(str(self.path / WEIGHTS))
        options = _Options(*numbers, weights, None, 0, ctypes.addressof(said), len(said))
        status = self._library.functions.tsm_model_open_with(byref(options), byref(self._model))
        note = said.value.decode(errors="replace")
        if status:
            text = note or self._library.functions.tsm_status_text(status).decode()
            raise BundleError(f"cannot open {self.path}: {text}")
        return self._library.functions.tsm_model_device(self._model).decode(), note


class Stream:
    """Frames in, predictions out. Made by `Session.open_stream`; may be called from several threads.

    A frame or state that is refused with an error leaves the stream as it was.
    """

    def __init__(self, session: Session, smoothing: bool, on_event: Optional[Callable[[Event], Any]]) -> None:
        self.spec = session.spec
        self._session = session  # the model must outlive its streams
        self._library = session._library
        self._smoother = _Smoother(session.spec, smoothing)
        self._on_event = on_event
        self._lock = threading.RLock()  # an event's callback may ask the stream for its state
        self._smoothing = self._smoother.initial_state()
        self._frame = 0
        self._last_seen: Tuple[int, Optional[float]] = (0, None)
        self._last_s: Optional[float] = None
        self._latest: Optional[Prediction] = None
        self._input = np.empty((1, 3, session._info.height, session._info.width), np.float32)
        self._pacing = _Pacing(session.spec)
        self._memories = [c_void_p() for _ in self._pacing.read_s]
        self._release = weakref.finalize(self, _destroy, self._library, self._memories)
        for memory in self._memories:
            self._library.call("tsm_stream_create", session._model, byref(memory))

    def step(
        self, frame: Any, frame_index: Optional[int] = None, timestamp_s: Optional[float] = None
    ) -> Prediction:
        """Predict one more frame, (H, W, 3) uint8 BGR of any size."""
        image, pixels = _image(frame)
        with self._lock:
            memory = self._pacing.turn(timestamp_s)
            if memory is None:
                return self._repeated(frame_index, timestamp_s)
            start = time.perf_counter()
            self._library.call("tsm_image_to_frame", byref(image), _address(self._input))
            del pixels
            return self._predict(memory, self._input, start, frame_index, timestamp_s)

    def step_tensor(
        self, x: Any, frame_index: Optional[int] = None, timestamp_s: Optional[float] = None
    ) -> Prediction:
        """Predict one more frame, (1, 3, S, S) float32 RGB that is already normalised."""
        start, shape = time.perf_counter(), self._input.shape
        if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.shape != shape:
            given = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
            raise FrameError(f"tensor is {given}, expected float32 {shape} RGB; for pictures use step()")
        if not max(x.max(), -x.min()) <= MAX_INPUT:  # also true for NaN
            raise FrameError(f"tensor holds NaN, infinity or values beyond {MAX_INPUT:g}; normalise it")
        with self._lock:
            memory = self._pacing.turn(timestamp_s)
            if memory is None:
                return self._repeated(frame_index, timestamp_s)
            return self._predict(memory, np.ascontiguousarray(x), start, frame_index, timestamp_s)

    def reset(self) -> Tuple[Event, ...]:
        """Forget all frames; a gesture that was running ends, which is returned and announced."""
        with self._lock:
            self._check_open()
            for memory in self._memories:
                self._library.call("tsm_stream_reset", memory)
            self._pacing.forget()
            self._frame, self._latest = 0, None
            return self._end_gesture()

    def state(self) -> StreamState:
        """A copy of all that the stream remembers."""
        flat = np.empty((len(self._memories), self._session._info.state_floats), np.float32)
        with self._lock:
            self._check_open()
            for floats, number in zip(flat, self._pacing.order()):
                self._library.call("tsm_stream_save", self._memories[number], _address(floats))
            shapes = self.spec["state"]["shapes"] * len(flat)
            pieces = np.split(flat.ravel(), np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1])
            buffers = tuple(piece.reshape(shape) for piece, shape in zip(pieces, shapes))
            return StreamState(buffers, self._smoothing, self._frame)

    def load_state(self, state: StreamState) -> None:
        """Go on where `state` was taken, in this stream or in another one of the same model."""
        _check_state(state, self.spec)
        flat = np.concatenate([buffer.ravel() for buffer in state.shift_buffers])
        with self._lock:
            self._check_open()
            for memory, floats in zip(self._memories, np.split(flat, len(self._memories))):
                self._library.call("tsm_stream_load", memory, _address(floats))
            self._pacing.forget()
            self._smoothing, self._last_s = self._smoother.trimmed(state.smoothing), None
            self._frame, self._latest = state.frame, None

    def close(self) -> None:
        """Free the stream's memory; a gesture that was running ends. Closing twice is no error."""
        with self._lock:
            if self._release.alive:
                try:
                    self._end_gesture()
                finally:
                    self._release()

    def _predict(
        self, memory: int, x: Any, start: float, index: Optional[int], timestamp_s: Optional[float]
    ) -> Prediction:
        self._check_open()
        prepared = time.perf_counter()
        logits = np.empty(self._session._info.num_classes, np.float32)
        self._library.call("tsm_stream_step", self._memories[memory], _address(x), _address(logits))
        inferred = time.perf_counter()
        self._pacing.read(memory, timestamp_s)
        self._last_seen = (self._frame if index is None else index, timestamp_s)
        before = self._smoother.gesture(self._smoothing)
        self._smoothing = self._smoother.advance(self._smoothing, logits, self._elapsed_s(timestamp_s))
        events = _events_between(before, self._smoother.gesture(self._smoothing), *self._last_seen)
        top = _top_scores(logits, self.spec["labels"])
        label = self._smoother.label(self._smoothing) or top[0][0]
        self._frame += 1
        seconds = (prepared - start, inferred - prepared, time.perf_counter() - inferred)
        latency_ms: Dict[str, float] = dict(
            zip(("preprocess", "infer", "postprocess"), (1e3 * span for span in seconds))
        )
        self._announce(events)
        self._latest = Prediction(self._last_seen[0], timestamp_s, logits, top, label, events, latency_ms)
        return self._latest

    def _repeated(self, index: Optional[int], timestamp_s: Optional[float]) -> Prediction:
        """The prediction before once more: this frame comes too early for the model to read it."""
        self._check_open()
        assert self._latest is not None  # no frame is too early for a stream that has read none
        self._frame += 1
        frame = self._frame - 1 if index is None else index
        return self._latest._replace(frame=frame, timestamp_s=timestamp_s, events=(), latency_ms={})

    def _end_gesture(self) -> Tuple[Event, ...]:
        events = _events_between(self._smoother.gesture(self._smoothing), None, *self._last_seen)
        self._smoothing, self._last_s = self._smoother.initial_state(), None
        self._announce(events)
        return events

    def _elapsed_s(self, timestamp_s: Optional[float]) -> float:
        before, self._last_s = self._last_s, timestamp_s
        if timestamp_s is None or before is None or not 0 <= timestamp_s - before < float("inf"):
            return USUAL_FRAME_S
        return timestamp_s - before

    def _announce(self, events: Tuple[Event, ...]) -> None:
        for event in events:
            if self._on_event is not None:
                self._on_event(event)

    def _check_open(self) -> None:
        if not self._release.alive:
            raise UsageError("this stream is closed; open another one with session.open_stream()")


class _Pacing:
    """As tsm_edge.runtime.pacing, where it is told which memory reads which frame, and why."""

    def __init__(self, spec: Dict[str, Any]) -> None:
        self._interval_s: float = EARLY / spec["max_fps"] if spec["max_fps"] else 0.0
        self._count: int = spec["interleave"]
        self.forget()

    def forget(self) -> None:
        self.memory, self.read_s = 0, [-float("inf")] * self._count

    def turn(self, timestamp_s: Optional[float]) -> Optional[int]:
        if not self._interval_s or timestamp_s is None or not np.isfinite(timestamp_s):
            return self.memory
        ages = [timestamp_s - read_s for read_s in self.read_s]
        if min(ages) < 0:
            return self.memory
        if min(ages) < self._interval_s * SPREAD / len(ages):
            return None
        due = [memory for memory, age_s in enumerate(ages) if age_s >= self._interval_s]
        in_step = [memory for memory in due if ages[memory] < BEHIND * self._interval_s]
        if in_step:
            return max(in_step, key=ages.__getitem__)
        return min(due, key=ages.__getitem__, default=None)

    def read(self, memory: int, timestamp_s: Optional[float]) -> None:
        now_s = float("nan") if timestamp_s is None else timestamp_s
        if not np.isfinite(now_s) or now_s < max(self.read_s):
            self.forget()
        self.memory = memory
        if np.isfinite(now_s):
            self.read_s[memory] = now_s

    def order(self) -> List[int]:
        latest_s, memories = max(self.read_s), range(self._count)
        if not self._interval_s or latest_s == -float("inf"):
            return sorted(memories, key=lambda memory: memory != self.memory)
        limit_s, waits = BEHIND * self._interval_s, [latest_s - read_s for read_s in self.read_s]
        return sorted(memories, key=lambda memory: (waits[memory] >= limit_s, -waits[memory]))


class _Smoother:
    """As tsm_edge.runtime.smoothing, where it is told what each rule is for."""

    def __init__(self, spec: Dict[str, Any], enabled: bool) -> None:
        rules, self._labels = spec["smoothing"], spec["labels"]
        index = {label: i for i, label in enumerate(self._labels)}
        self._background = tuple(index[label] for label in rules["background"])
        self._merge = {index[label]: index[shown] for label, shown in rules["merge"]} if enabled else {}
        self._ignore = {index[label] for label in rules["ignore"]} if enabled else set()
        self._window: int = rules["window"] if enabled else 1
        self._window_s: float = (enabled and rules["window_s"]) or float("inf")
        self._hysteresis: int = rules["hysteresis"] if enabled else 1
        self._hysteresis_s: float = rules["hysteresis_s"] if enabled else 0.0
        self._threshold: float = rules["threshold"] if enabled and self._background else 0.0
        self._pause_s: float = rules["pause_s"] if enabled and self._background else 0.0

    def initial_state(self) -> SmoothingState:
        shown = self._rest() if self._background else NO_LABEL
        nothing = np.zeros((0, len(self._labels)), np.float32)
        return SmoothingState(nothing, np.zeros(0, np.float32), shown, shown, 0, 0.0, float("inf"))

    def advance(self, state: SmoothingState, logits: Any, elapsed_s: float) -> SmoothingState:
        history = np.concatenate((state.history, logits[None]))[-self._window :]
        ages_s = np.append(state.ages_s + np.float32(elapsed_s), np.float32(0))[-self._window :]
        young = ages_s < self._window_s - ROUNDING_S
        young[-1] = True
        history, ages_s = history[young], ages_s[young]
        winner = self._winner(history.mean(axis=0), state.shown)
        again = winner == state.candidate and state.wins > 0
        wins = min(state.wins + 1, self._hysteresis) if again else 1
        candidate_s = state.candidate_s + elapsed_s if again else 0.0
        quiet_s = state.quiet_s + elapsed_s
        settled = wins >= self._hysteresis and candidate_s >= self._hysteresis_s - ROUNDING_S
        shown = winner if settled or state.shown == NO_LABEL else state.shown
        if shown != state.shown and self._pause_s:
            if self._is_gesture(state.shown):
                quiet_s = 0.0
            if self._is_gesture(shown) and quiet_s < self._pause_s - ROUNDING_S:
                shown = self._rest() if self._is_gesture(state.shown) else state.shown
        return SmoothingState(history, ages_s, shown, winner, wins, candidate_s, quiet_s)

    def trimmed(self, state: SmoothingState) -> SmoothingState:
        last = slice(-self._window, None)
        wins = min(state.wins, self._hysteresis)
        return state._replace(history=state.history[last], ages_s=state.ages_s[last], wins=wins)

    def _winner(self, mean: Any, shown: int) -> int:
        winner = int(mean.argmax())
        if winner in self._ignore:
            return shown
        winner = self._merge.get(winner, winner)
        is_new = self._threshold and winner != shown and self._is_gesture(winner)
        return self._rest() if is_new and 1 / np.exp(mean - mean.max()).sum() < self._threshold else winner

    def _is_gesture(self, index: int) -> bool:
        return index not in self._background and index != NO_LABEL

    def _rest(self) -> int:
        return self._merge.get(self._background[0], self._background[0])

    def label(self, state: SmoothingState) -> Optional[str]:
        return None if state.shown == NO_LABEL else self._labels[state.shown]

    def gesture(self, state: SmoothingState) -> Optional[str]:
        return self.label(state) if self._is_gesture(state.shown) else None


def _events_between(
    before: Optional[str], after: Optional[str], frame: int, timestamp_s: Optional[float]
) -> Tuple[Event, ...]:
    kinds = (("ended", before), ("started", after)) if before != after else ()
    return tuple(Event(kind, label, frame, timestamp_s) for kind, label in kinds if label is not None)


def _top_scores(logits: Any, labels: List[str]) -> Tuple[Tuple[str, float], ...]:
    exponentials = np.exp(logits - logits.max())
    scores = exponentials / exponentials.sum()
    return tuple((labels[i], float(scores[i])) for i in np.argsort(-logits, kind="mergesort")[:TOP_K])


def _destroy(library: _Library, memories: List[c_void_p]) -> None:
    for memory in memories:
        library.functions.tsm_stream_destroy(memory)


def _address(array: Any) -> c_void_p:
    return c_void_p(array.ctypes.data)


def _image(frame: Any) -> Tuple[_Image, Any]:
    """A (H, W, 3) uint8 BGR frame as the C library takes it, and the array that holds its pixels."""
    if not isinstance(frame, np.ndarray):
        raise FrameError(f"a frame is a numpy array (H, W, 3) uint8 BGR, not a {type(frame).__name__}")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise FrameError(f"frame is {frame.dtype} {frame.shape}, expected uint8 (H, W, 3) BGR, channels last")
    height, width = frame.shape[:2]
    if max(height, width) > MAX_ASPECT_RATIO * min(height, width):
        raise FrameError(f"frame is {frame.shape}, sides at most {MAX_ASPECT_RATIO} times each other; cut it")
    if frame.strides[1:] != (3, 1) or not 3 * width <= frame.strides[0] < 1 << 31:
        frame = np.ascontiguousarray(frame)  # rows may lie apart, as those of a slice do
    planes, strides = (c_void_p * 3)(frame.ctypes.data), (c_int32 * 3)(frame.strides[0])
    return _Image(sizeof(_Image), IMAGE_BGR, width, height, 0, planes, strides), frame


def _check_state(state: StreamState, spec: Dict[str, Any]) -> None:
    if not isinstance(state, StreamState):
        raise StateError(f"a {type(state).__name__} is no stream state; give what stream.state() returned")
    smoothing, classes = state.smoothing, len(spec["labels"])
    arrays = (*state.shift_buffers, smoothing.history, smoothing.ages_s)
    length = np.shape(smoothing.history)[:1]
    buffers = spec["state"]["shapes"] * spec["interleave"]
    shapes = [*map(tuple, buffers), (*length, classes), length]
    if [(np.shape(array), getattr(array, "dtype", None)) for array in arrays] != [
        (shape, np.dtype(np.float32)) for shape in shapes
    ]:
        raise StateError(f"the state is not one of {spec['name']}; give one of the same model")
    if not all(np.isfinite(array).all() for array in arrays):
        raise StateError("the state holds NaN or infinity; reset the stream instead")
    if not (smoothing.candidate_s >= 0 and smoothing.quiet_s >= 0 and (smoothing.ages_s >= 0).all()):
        raise StateError("the state holds seconds below zero; give what stream.state() returned")
    labels = smoothing.shown, smoothing.candidate
    if state.frame < 0 or not NO_LABEL <= min(labels) <= max(labels) < classes:
        raise StateError("the state's counters are out of range; give what stream.state() returned")


def _read_manifest(path: Path) -> Dict[str, Any]:
    name = path / "manifest.json"
    try:
        manifest: Dict[str, Any] = json.loads(name.read_text(encoding="utf-8"))
        versions = manifest["schema_version"], manifest["abi_version"]
    except OSError as error:
        raise BundleError(f"{path} is not a bundle: manifest.json: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{name} is broken: {error!r}; copy or compile the bundle again") from error
    if versions != (SCHEMA_VERSION, ABI_VERSION):
        raise BundleMismatchError(
            f"{name} has schema and C interface versions {versions}, accepted are {SCHEMA_VERSION, ABI_VERSION}; "
            "use the tsm_edge_lite.py that lies in the bundle"
        )
    return manifest


def check_files(path: Path, manifest: Dict[str, Any], hashed: Optional[Sequence[str]] = None) -> int:
    """See that every file has its size, and those in `hashed` (None: all) their SHA-256; how many there are."""
    for name, record in manifest["files"].items():
        file = path / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(f"{path}: the manifest names {name!r}, which lies outside the bundle")
        if not file.is_file() or file.stat().st_size != record["size_bytes"]:
            raise BundleError(f"{file} is missing or of another size; copy or compile the bundle again")
        if (hashed is None or name in hashed) and _sha256(file) != record["sha256"]:
            raise BundleError(f"{file} was altered since; copy or compile the bundle again")
    return len(manifest["files"])


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def _check_machine(target: Dict[str, Any]) -> None:
    """Code for another processor would end in a crash instead of a sentence."""
    machine, wanted = platform.machine(), target["triple"].split("-")[0]
    missing = [] if machine == wanted else [f"{wanted} (this is {machine})"]
    if (target["libc"] == "bionic") != hasattr(sys, "getandroidapilevel"):
        missing.append("Android" if target["libc"] == "bionic" else "Linux with glibc")
    if not missing and CPUINFO.exists():
        cpuinfo = CPUINFO.read_text(errors="replace")
        found = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
        arm = [ARM_FLAGS[feature] for feature in target["features"] if feature in ARM_FLAGS]
        needed = arm if machine == "aarch64" else X86_FLAGS.get(target["vector_bits"], ())
        missing = [flag for flag in needed if found and flag not in found.group(1).split()]
    if missing:
        raise BundleMismatchError(f"this bundle is for {target['name']} and needs {', '.join(missing)}")


def _check_info(info: _Info, spec: Dict[str, Any], path: Path) -> None:
    """The library knows its own sizes; with another manifest we would read or write past an end."""
    size, floats = (
        spec["preprocess"]["crop_size"],
        sum(int(np.prod(shape)) for shape in spec["state"]["shapes"]),
    )
    manifest = (size, size, len(spec["labels"]), floats, (path / WEIGHTS).stat().st_size)
    if manifest != (info.height, info.width, info.num_classes, info.state_floats, info.weight_bytes):
        raise BundleError(f"{path}: library and manifest do not belong together; compile the bundle again")


def verify(path: str = "", threads: Optional[int] = None, device: str = "auto") -> Dict[str, Any]:
    """Check every file of a bundle and replay its golden stream; what was found, by name."""
    with Session.load(path, threads, device) as session:
        num_files = check_files(session.path, session.manifest)
        names = [session.path / f"golden_{kind}.npy" for kind in ("frames", "logits")]
        frames, golden = (np.load(str(name), allow_pickle=False) for name in names)
        stream, rules = session.open_stream(), session.spec["preprocess"]
        answers = [stream.step_tensor(_normalised(frame, rules)) for frame in frames]
        error = float(np.abs([answer.logits for answer in answers] - golden).max() / np.abs(golden).max())
        tolerance = TOLERANCES[session.manifest["precision"]]
        if not error <= tolerance:
            raise VerificationError(
                f"{session.path}: the golden stream differs by {error:.1e} of the largest logit, accepted is "
                f"{tolerance:.0e}; compile it again for this device"
            )
        infer_ms = float(np.median([answer.latency_ms["infer"] for answer in answers]))
        found = {"bundle": str(session.path), "model": session.spec["name"], "device": session.device}
        counts = {"threads": session.threads, "num_files": num_files, "num_frames": len(frames)}
        note = session.manifest.get("weights_note", "")
        return dict(found, weights_note=note, max_relative_error=error, infer_ms=infer_ms, **counts)


def _normalised(picture: Any, rules: Dict[str, Any]) -> Any:
    """(S, S, 3) uint8 RGB to (1, 3, S, S) float32."""
    mean, std = (np.reshape(rules[name], (3, 1, 1)) for name in ("mean", "std"))
    return np.ascontiguousarray(((picture.transpose(2, 0, 1) / 255.0 - mean) / std)[None], np.float32)


def frames_of(source: str) -> Iterator[Tuple[float, Any]]:
    """Seconds and frames (H, W, 3) uint8 BGR of a camera, video, folder of pictures or raw bytes; see --help."""
    raw = re.match(r"raw:([1-9]\d*)x([1-9]\d*):(.+)$", source)
    if raw:
        return _at(FPS, _raw_frames(int(raw.group(1)), int(raw.group(2)), raw.group(3)))
    return _at(FPS, _pictures(Path(source))) if Path(source).is_dir() else _captured(source)


def _at(fps: float, frames: Iterator[Any]) -> Iterator[Tuple[float, Any]]:
    return ((index / fps, frame) for index, frame in enumerate(frames))


def _raw_frames(width: int, height: int, name: str) -> Iterator[Any]:
    size = 3 * width * height
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            for pixels in iter(lambda: file.read(size), b""):
                if len(pixels) < size:
                    raise SourceError(f"{name} ends within a frame of {width}x{height} BGR; check the size")
                yield np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror}") from error


def _pictures(folder: Path) -> Iterator[Any]:
    pictures = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES]
    if not pictures:
        raise SourceError(f"no pictures in {folder}; give a folder with .jpg or .png files")
    # frame2 comes before frame10.
    for path in sorted(
        pictures, key=lambda path: re.sub(r"\d+", lambda run: run.group().zfill(20), path.name)
    ):
        frame = _opencv().imread(str(path))
        if frame is None:
            raise SourceError(f"cannot decode {path}: damaged, or no picture")
        yield frame


def _captured(source: str) -> Iterator[Tuple[float, Any]]:
    cv2 = _opencv()
    csi, usb = re.match(r"csi://(\d+)$", source), re.match(r"(?:/dev/video)?(\d+)$", source)
    if csi and not re.search(r"GStreamer:\s+YES", cv2.getBuildInformation()):
        raise SourceError(f"{source} needs an OpenCV with GStreamer, as JetPack's; remove the one from pip")
    if csi:
        capture = cv2.VideoCapture(CSI_PIPELINE.format(csi.group(1)), cv2.CAP_GSTREAMER)
    else:
        capture = cv2.VideoCapture(int(usb.group(1)) if usb else source)
    if usb:
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not one that waited
    try:
        readable, frame = capture.read()
        if not readable:
            raise SourceError(f"no video at {source}; check path and cable, and `ls /dev/video*`")
        fps, index, start = capture.get(cv2.CAP_PROP_FPS), 0, time.perf_counter()
        while readable:
            in_file = index / (fps if 0 < fps < 1000 else FPS)
            yield time.perf_counter() - start if csi or usb else in_file, frame
            readable, frame = capture.read()
            index += 1
    finally:
        capture.release()


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        hint = "sudo apt-get install python3-opencv, or give raw:WIDTHxHEIGHT:FILE, which needs none"
        raise SourceError(f"cameras, videos and pictures need OpenCV ({error}): {hint}") from error
    return cv2


SOURCES = """sources: csi://0 (Jetson's camera), 0 or /dev/video0 (USB camera), FILE.mp4, a FOLDER of pictures,
raw:WIDTHxHEIGHT:FILE (BGR bytes, - is standard input); without one the golden stream is replayed"""


def command_line() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser("tsm_edge_lite.py", description="Predict with a bundle.", epilog=SOURCES)
    parser.add_argument("bundle", nargs="?", default="", help="its folder; default: where this file lies")
    parser.add_argument("--source", help="camera, video, pictures or raw frames, see below")
    parser.add_argument("--threads", type=int, help="cores that one frame may use; default: the bundle's")
    parser.add_argument(
        "--device", default="auto", choices=list(DEVICES), help="default: a GPU if it can be used"
    )
    parser.add_argument("--frames", type=int, help="end after so many")
    parser.add_argument("--no-smoothing", action="store_true", help="show every single frame's label")
    parser.add_argument("--json", action="store_true", help="print JSON, with a source one line a frame")
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command line; its exit status: 0 done, 1 failure, 2 wrong usage, 130 interrupted."""
    given = command_line().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _predict(given) if given.source else _replay(given)
    except TsmEdgeError as error:
        print("tsm_edge_lite:", *str(error).split(), file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # `... | head` is no error
        return 1
    return 0


def _replay(given: argparse.Namespace) -> None:
    report = verify(given.bundle, given.threads, given.device)
    text = (
        "{model} ({weights_note}): {num_files} files intact\n"
        "golden stream of {num_frames} frames on {device}, {threads} threads: largest difference "
        "{max_relative_error:.1e} of the largest logit; {infer_ms:.1f} ms a frame (median)"
    )
    print(json.dumps(report) if given.json else text.format(**report).replace(" ()", ""))


def _predict(given: argparse.Namespace) -> None:
    shown, latencies_ms, start = None, [], time.perf_counter()
    with Session.load(given.bundle, given.threads, given.device) as session:
        for note in filter(None, (session.note, session.manifest.get("weights_note", ""))):
            print(f"tsm_edge_lite: {note}", file=sys.stderr)
        stream = session.open_stream(smoothing=not given.no_smoothing)
        for timestamp_s, frame in frames_of(given.source):
            answer = stream.step(frame, timestamp_s=timestamp_s)
            if answer.latency_ms:  # not so for a frame that the model left out
                latencies_ms.append(sum(answer.latency_ms.values()))
            if given.json:
                print(json.dumps(_record(answer)), flush=True)
            elif answer.smoothed_label != shown:
                shown = answer.smoothed_label
                this = f"(this frame: {answer.label} {answer.score:.0%})"
                print(f"{answer.timestamp_s:8.2f} s  frame {answer.frame:<6} {shown}  {this}", flush=True)
            if len(latencies_ms) == given.frames:
                break
        seconds, count = time.perf_counter() - start, len(latencies_ms)
        median = np.median(latencies_ms) if latencies_ms else 0.0
        print(
            f"{count} frames in {seconds:.1f} s on {session.device}: {median:.1f} ms a frame", file=sys.stderr
        )


def _record(answer: Prediction) -> Dict[str, Any]:
    """The fields of one line, as `tsm-edge run --json` writes them."""
    names = ("frame", "timestamp_s", "label", "score", "smoothed_label", "top")
    latency_ms = {stage: round(value, 4) for stage, value in answer.latency_ms.items()}
    event = answer.event._asdict() if answer.event else None
    return dict({name: getattr(answer, name) for name in names}, latency_ms=latency_ms, event=event)


if __name__ == "__main__":
    sys.exit(main())
