"""Memory of this process, as the kernel counts it."""

import resource
import sys
from pathlib import Path

__all__ = ["peak_memory_bytes", "resident_memory_bytes"]

STATUS = Path("/proc/self/status")


def peak_memory_bytes() -> int:
    """Most resident memory that this process ever held."""
    return _status_bytes("VmHWM") or _maxrss_bytes()


def resident_memory_bytes() -> int:
    """Resident memory now; where the kernel does not say, the peak so far."""
    return _status_bytes("VmRSS") or _maxrss_bytes()


def _status_bytes(key: str) -> int:
    """A line such as `VmHWM:   12345 kB`; unlike getrusage's, these counts do not begin with the parent's."""
    if not STATUS.exists():
        return 0
    lines = (line.split() for line in STATUS.read_text().splitlines() if line.startswith(f"{key}:"))
    return next((int(words[1]) << 10 for words in lines), 0)


def _maxrss_bytes() -> int:
    """Kilobytes on Linux, bytes on macOS."""
    maxrss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return maxrss if sys.platform == "darwin" else maxrss << 10
