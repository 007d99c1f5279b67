"""The fresh process of `cold_start`.

    python -m tsm_edge.runtime.bench.cold_start_child BUNDLE BACKEND THREADS DEVICE

Writes one line as soon as the first logits are there, then its report as JSON.
"""

import sys
import time

import msgspec

from tsm_edge.bundle import Bundle
from tsm_edge.runtime.backends.table import open_backend
from tsm_edge.runtime.bench.cold_start import ColdStartReport
from tsm_edge.runtime.bench.frames import noise_frames
from tsm_edge.runtime.bench.memory import peak_memory_bytes, resident_memory_bytes

__all__ = ["main"]

# Some engines allocate with the second frame what they keep for good.
FRAMES_UNTIL_STEADY = 5


def main(path: str, backend_name: str, threads: str, device: str) -> None:
    """Load, step, report."""
    bundle = Bundle.open(path)
    frames = noise_frames(bundle.manifest.model)
    frame = next(frames)
    memory_before, start = resident_memory_bytes(), time.perf_counter()
    backend = open_backend(backend_name, bundle, int(threads), device)
    loaded = time.perf_counter()
    stream = backend.open_stream()
    stream.step(frame)
    stepped = time.perf_counter()
    sys.stdout.write("first frame\n")
    sys.stdout.flush()
    for _ in range(FRAMES_UNTIL_STEADY):
        stream.step(next(frames))
    report = ColdStartReport(
        load_ms=1e3 * (loaded - start),
        first_frame_ms=1e3 * (stepped - loaded),
        growth_bytes=max(0, resident_memory_bytes() - memory_before),
        peak_bytes=peak_memory_bytes(),
    )
    sys.stdout.write(msgspec.json.encode(report).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
