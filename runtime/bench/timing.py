"""Timing loops: streams side by side in one run, windows that are recomputed, a frame rate that is kept."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from tsm_edge.runtime.backends.base import BackendStream, Float32Array

__all__ = [
    "PacedRun",
    "rotated",
    "time_interleaved",
    "time_paced",
    "time_step",
    "time_windows",
    "wait_for_silence",
]

T = TypeVar("T")

# A thread that spins computes all of an interval; looking at the clock takes far less than a quarter of it. The system
# may book the time of a thread that runs on another processor at its tick alone, every 4 ms or even every 10 ms: a
# shorter interval between two ticks would look silent.
SILENCE_INTERVAL_S = 25e-3
SILENCE_SHARE = 0.25
SILENCE_LIMIT_S = 0.5


@dataclass(frozen=True, kw_only=True)
class PacedRun:
    """One stream fed at a fixed rate.

    Attributes:
        latency_ms: How long each step took.
        response_ms: From the moment each frame was due to its logits: waiting behind a late frame included.
        num_missed: Frames whose logits came after the next frame was due.
    """

    latency_ms: tuple[float, ...]
    response_ms: tuple[float, ...]
    num_missed: int


def time_step(stream: BackendStream, frame: Float32Array) -> float:
    """Milliseconds of one step."""
    start = time.perf_counter_ns()
    stream.step(frame)
    return (time.perf_counter_ns() - start) / 1e6


def time_interleaved(
    streams: Mapping[str, BackendStream], frames: Iterator[Float32Array], *, num_frames: int
) -> dict[str, list[float]]:
    """Give every frame to every stream, in an order that rotates, so that what disturbs one disturbs all.

    Engines must not disturb each other, though. Worker threads may spin for many milliseconds after their last
    frame and take cores away from the next engine, and its weights are no longer in the caches. So each of several
    streams waits for silence and steps once untimed before it is timed, and finds what it would find alone.

    Args:
        streams: The engines by name.
        frames: Each (1, 3, H, W) float32.
        num_frames: How many of them to take.

    Returns:
        Milliseconds of each step, by name.
    """
    samples: dict[str, list[float]] = {name: [] for name in streams}
    for index, frame in enumerate(islice(frames, num_frames)):
        for name in rotated(tuple(streams), index):
            if len(streams) > 1:
                _step_after_silence(streams[name], frame)
            samples[name].append(time_step(streams[name], frame))
    return samples


def time_windows(
    streams: Mapping[str, BackendStream],
    frames: Iterator[Float32Array],
    *,
    num_segments: int,
    num_windows: int,
) -> dict[str, list[float]]:
    """Run windows of `num_segments` frames from zero buffers, the engines in rotating order.

    That is what one new frame costs an engine that keeps no shift buffers: it has to run the network over the
    whole clip again before it can answer.

    Returns:
        Milliseconds of each window, by name. The streams are reset.
    """
    samples: dict[str, list[float]] = {name: [] for name in streams}
    for index in range(num_windows):
        clip = tuple(islice(frames, num_segments))
        for name in rotated(tuple(streams), index):
            if len(streams) > 1:
                _step_after_silence(streams[name], clip[0])
            streams[name].reset()
            samples[name].append(sum(time_step(streams[name], frame) for frame in clip))
            streams[name].reset()
    return samples


def time_paced(
    stream: BackendStream, frames: Iterator[Float32Array], *, fps: float, num_frames: int
) -> PacedRun:
    """Step one stream with frames that fall due `fps` times a second, as a camera gives them.

    No frame is dropped: a late one delays those behind it, which shows in `response_ms`.
    """
    latency_ms, response_ms = [], []
    start = time.perf_counter()
    for index, frame in enumerate(islice(frames, num_frames)):
        due = start + index / fps
        time.sleep(max(0.0, due - time.perf_counter()))
        latency_ms.append(time_step(stream, frame))
        response_ms.append(1e3 * (time.perf_counter() - due))
    num_missed = sum(response > 1e3 / fps for response in response_ms)
    return PacedRun(latency_ms=tuple(latency_ms), response_ms=tuple(response_ms), num_missed=num_missed)


def _step_after_silence(stream: BackendStream, frame: Float32Array) -> None:
    wait_for_silence()
    stream.step(frame)


def wait_for_silence() -> None:
    """Return as soon as no thread of this process computes any more, or after half a second."""
    for _ in range(int(SILENCE_LIMIT_S / SILENCE_INTERVAL_S)):
        computed_before = time.process_time()
        time.sleep(SILENCE_INTERVAL_S)
        if time.process_time() - computed_before < SILENCE_SHARE * SILENCE_INTERVAL_S:
            return


def rotated(items: Sequence[T], by: int) -> tuple[T, ...]:
    """The items in turn, starting with another one each time: (a, b, c), (b, c, a), (c, a, b), ..."""
    start = by % len(items)
    return (*items[start:], *items[:start])
