"""How many made gesture clips a second this machine draws: clips of 8 frames at 112 pixels, or what the options say.

    python benchmarks/gesture_generator.py [--device cuda] [--processes 2]

On a CPU the work is spread over processes with one thread each, as training's data loaders do, which keep freed memory
as training does.
"""

import argparse
import multiprocessing
import time

import torch

from tsm_edge.export.data.gestures import GestureGenerator
from tsm_edge.export.training.memory import keep_freed_memory


def clips_per_second(device: str, num_frames: int, size: int, seconds: float, first: int) -> float:
    """Draw for some seconds after a warm-up and count."""
    torch.set_num_threads(1)
    if device == "cpu":
        keep_freed_memory()
    generator = GestureGenerator("train", num_frames=num_frames, size=size, device=device)
    at_once = generator.chunk
    generator.clips(first, at_once)
    if device == "cuda":
        torch.cuda.synchronize()
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        count += at_once
        generator.clips(first + count, at_once)
        if device == "cuda":
            torch.cuda.synchronize()
    return count / (time.perf_counter() - begin)


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--processes", type=int, default=2, help="on a CPU (default 2)")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--seconds", type=float, default=10)
    chosen = parser.parse_args()
    work = (chosen.device, chosen.frames, chosen.size, chosen.seconds)
    if chosen.device == "cuda":
        rate = clips_per_second(*work, 0)
        where = torch.cuda.get_device_name()
    else:
        with multiprocessing.get_context("spawn").Pool(chosen.processes) as pool:
            tasks = [(*work, 1_000_000 * i) for i in range(chosen.processes)]
            rate = sum(pool.starmap(clips_per_second, tasks))
        where = f"CPU, {chosen.processes} processes"
    print(f"{rate:.0f} clips/s of {chosen.frames} frames at {chosen.size} pixels on {where}")


if __name__ == "__main__":
    main()
