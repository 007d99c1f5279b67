"""What a run did, in numbers."""

from collections import Counter, deque
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from tsm_edge.runtime.capture import CapturedFrame, Source
from tsm_edge.runtime.prediction import Prediction
from tsm_edge.runtime.session import Session

__all__ = ["RunSummary", "RunTally"]

# A camera may run for weeks; medians are those of so many last frames.
KEPT_LATENCIES = 10_000


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a run did.

    Attributes:
        model: Name of the model.
        weights_note: "untrained weights", or nothing.
        backend: The engine that ran it.
        device: What it computed on: "cpu", or "gpu" and the GPU's name.
        threads: On how many threads.
        source: Where the frames came from.
        frames: How many were predicted.
        dropped: How many a camera gave that nobody could take.
        elapsed_s: From the opened source to the last prediction.
        latency_ms: Median by stage: "decode", "preprocess", "infer", "postprocess".
        labels: On how many frames each label was shown, after smoothing, most frequent first.
        gestures: How many gestures started.
        interrupted: Ctrl-C ended it.
    """

    model: str
    weights_note: str
    backend: str
    device: str
    threads: int
    source: str
    frames: int
    dropped: int
    elapsed_s: float
    latency_ms: dict[str, float]
    labels: dict[str, int]
    gestures: int
    interrupted: bool

    @property
    def frames_per_second(self) -> float:
        """Frames predicted in a second, waiting for a camera and writing files included."""
        return self.frames / self.elapsed_s if self.elapsed_s > 0 else 0.0


class RunTally:
    """Counts while a run goes on.

    Attributes:
        frames: How many were predicted so far.
        interrupted: Set it when Ctrl-C ends the run.
    """

    def __init__(self, session: Session, source: Source) -> None:
        self.interrupted = False
        self._session = session
        self._source = source
        self._start_s = perf_counter()
        self._elapsed_s = 0.0
        self.frames = 0
        self._gestures = 0
        self._labels: Counter[str] = Counter()
        self._latencies_ms: deque[dict[str, float]] = deque(maxlen=KEPT_LATENCIES)

    def add(self, _: CapturedFrame, prediction: Prediction) -> None:
        """Count one more prediction."""
        self.frames += 1
        self._elapsed_s = perf_counter() - self._start_s
        self._labels[prediction.smoothed_label] += 1
        self._latencies_ms.append(prediction.latency_ms)
        self._gestures += sum(event.kind == "started" for event in prediction.events)

    def summary(self) -> RunSummary:
        """What was counted so far."""
        spec, backend = self._session.spec, self._session.backend
        return RunSummary(
            model=spec.name,
            weights_note=spec.weights_note,
            backend=backend.name,
            device=self._session.device,
            threads=backend.threads,
            source=self._source.name,
            frames=self.frames,
            dropped=self._source.dropped,
            elapsed_s=self._elapsed_s,
            latency_ms=self._median_latencies(),
            labels=dict(self._labels.most_common()),
            gestures=self._gestures,
            interrupted=self.interrupted,
        )

    def _median_latencies(self) -> dict[str, float]:
        if not self._latencies_ms:
            return {}
        # Frames that a model leaves out have not all the stages; the first of a stream has.
        return {
            stage: median(row[stage] for row in self._latencies_ms if stage in row)
            for stage in max(self._latencies_ms, key=len)
        }
