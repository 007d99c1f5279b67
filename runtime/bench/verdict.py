"""Whether a promised latency was kept. Only the board itself can say yes.

| status | `--check` exits with | when |
|---|---|---|
| pass | 0 | on the target's own device, the median is within the promise |
| fail | 1 | on the target's own device, it is not |
| not this device | 3 | the promise is for another device |
| no target latency | 3 | nobody promised anything for this target |
"""

from dataclasses import dataclass
from typing import Literal

from tsm_edge.runtime.device import Device, is_target
from tsm_edge.targets import TargetSpec

__all__ = ["EXIT_CODES", "Status", "Verdict", "judge"]

Status = Literal["pass", "fail", "not this device", "no target latency"]

# Without a verdict the check has not passed, so that a script that relies on it does not go on.
EXIT_CODES: dict[Status, int] = {"pass": 0, "fail": 1, "not this device": 3, "no target latency": 3}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a benchmark may say of a target's promise.

    Attributes:
        target: Name of the target.
        latency_target_ms: The promise, if there is one.
        device: The device that was seen.
        backend: The engine that was judged.
        p50_ms: Its median latency on the device that was seen; None if nothing could be run.
    """

    status: Status
    target: str
    latency_target_ms: float | None
    device: str
    backend: str | None
    p50_ms: float | None

    @property
    def exit_code(self) -> int:
        """What `tsm-edge bench --check` exits with."""
        return EXIT_CODES[self.status]

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        promise = (
            f"{self.target} promises {self.latency_target_ms:g} ms a frame" if self.latency_target_ms else ""
        )
        if self.status == "no target latency":
            return f"no target latency: none is promised for {self.target}"
        if self.status == "not this device":
            return f"not this device: {promise}, but this is {self.device}"
        return f"{self.status}: {promise}, {self.backend} takes {self.p50_ms:.2f} ms (p50) on {self.device}"


def judge(target: TargetSpec, device: Device, backend: str | None, p50_ms: float | None) -> Verdict:
    """Hold a measured median against the target's promise.

    Args:
        target: Whose promise.
        device: Where it was measured.
        backend: The engine that was timed; None where none could run.
        p50_ms: Its median latency in milliseconds; None where none could run.
    """
    return Verdict(
        status=_status(target, device, p50_ms),
        target=target.name,
        latency_target_ms=target.latency_target_ms,
        device=device.name,
        backend=backend,
        p50_ms=p50_ms,
    )


def _status(target: TargetSpec, device: Device, p50_ms: float | None) -> Status:
    if target.latency_target_ms is None:
        return "no target latency"
    if not is_target(device, target):
        return "not this device"
    return "pass" if p50_ms is not None and p50_ms <= target.latency_target_ms else "fail"
