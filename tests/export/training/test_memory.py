import platform
import subprocess
import sys

import pytest

# Allocates and frees 64 MiB again and again, as a step does, and counts the pages that had to be mapped for it.
CODE = """
import resource, sys
import torch
from tsm_edge.export.training.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
torch.set_num_threads(1)
torch.zeros(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    torch.zeros(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told to keep memory")
def test_freed_memory_is_not_mapped_again():
    faults = {
        how: int(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, check=True).stdout)
        for how in ("keep", "give back")
    }
    assert faults["keep"] < faults["give back"] / 3  # the first of them is new memory


GROWING = """
import torch
from tsm_edge.export.training.memory import give_back_freed_memory, keep_freed_memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4 // 1024
keep_freed_memory()
held = [(torch.zeros(2**18), torch.zeros(2**8)) for _ in range(200)]
small = [pair[1] for pair in held]
del held
before = resident()
assert give_back_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told to give memory back"
)
def test_what_was_kept_can_be_given_back():
    """200 MiB were kept between things that stay."""
    done = subprocess.run([sys.executable, "-c", GROWING], capture_output=True, check=True, text=True)
    assert int(done.stdout) > 150
