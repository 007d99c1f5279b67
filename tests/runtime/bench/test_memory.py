import time
from mmap import mmap

from tsm_edge.runtime.bench.memory import peak_memory_bytes, resident_memory_bytes

SIZE = 64 << 20
PAGE = 4096
TIMEOUT_S = 30


def test_touched_memory_shows_and_the_peak_stays():
    # Straight from the kernel: an allocator may have as much at hand from what was freed before.
    before = resident_memory_bytes()
    with mmap(-1, SIZE) as block:
        for _ in range(SIZE // PAGE):
            block.write(bytes(PAGE))
        held = resident_memory_bytes()
    # Other memory of the process may come and go meanwhile, but not half of the block.
    assert held - before > SIZE / 2
    # The kernel gathers counts of pages for each processor and adds them up late.
    assert peak_memory_bytes() > held - (4 << 20)
    deadline = time.monotonic() + TIMEOUT_S
    while held - resident_memory_bytes() < SIZE / 2:
        assert time.monotonic() < deadline, "the freed block never left"
        time.sleep(0.05)
