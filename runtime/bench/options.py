"""What a benchmark is asked to do."""

from dataclasses import dataclass

from tsm_edge.errors import UsageError
from tsm_edge.targets import TargetSpec

__all__ = ["BenchOptions"]


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """Defaults are those of `tsm-edge bench`.

    Attributes:
        backends: Engines in the order of the tables, the first is judged; empty takes tvm, and onnxruntime
            where it is installed.
        threads: The same for every engine; None takes the bundle's default.
        device: Of the compiled engine: "auto", "cpu" or "gpu".
        num_frames: Frames that are timed.
        warmup: Frames before them that are not.
        num_segments: Length of the window that is recomputed for comparison.
        source: A video in the words of `tsm-edge run --source`; None feeds seeded noise.
        paced_fps: Feed frames at this rate, one engine after the other; None steps back to back, interleaved.
        profile: Time each kernel of the compiled engine.
        cold_start: Start each engine in a process of its own.
        target: Whose promise is judged; None takes the bundle's target.
        command: What the record says that was called.
    """

    backends: tuple[str, ...] = ()
    threads: int | None = None
    device: str = "auto"
    num_frames: int = 200
    warmup: int = 20
    num_segments: int = 8
    source: str | None = None
    paced_fps: float | None = None
    profile: bool = False
    cold_start: bool = True
    target: TargetSpec | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            UsageError: A count below its least value, a rate that is no rate, an engine named twice.
        """
        least = {"num_frames": 1, "warmup": 0, "num_segments": 1}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise UsageError(f"{name} is {getattr(self, name)}; give {value} or more")
        if self.paced_fps is not None and not 0 < self.paced_fps <= 1000:
            raise UsageError(f"cannot feed {self.paced_fps:g} frames a second; give above 0, up to 1000")
        if len(set(self.backends)) != len(self.backends):
            raise UsageError(f"a backend is named twice in {', '.join(self.backends)}; name each one once")
