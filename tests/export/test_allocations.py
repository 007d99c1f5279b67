"""A frame allocates nothing: neither on the heap nor from the kernel, whatever the number of threads."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tsm_edge.bundle import RUN_TOOL

SOURCE = Path(__file__).parents[1] / "count_allocations.c"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="counts through names of glibc's"
)


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    library = tmp_path_factory.mktemp("counter") / "libcount_allocations.so"
    compiler = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fPIC",
        "-shared",
    ]
    undefined = "-Wl,-z,undefs"  # the program's libc has what is called
    subprocess.run([*compiler, "-fno-builtin", undefined, SOURCE, "-o", library], check=True)
    return library


@pytest.fixture
def allocations(counter, bundle_for, tmp_path):
    """What `tsm-run` allocates with these options."""
    bundle = bundle_for("host")

    def count(*options):
        counts = tmp_path / "counts"
        environment = os.environ | {"LD_PRELOAD": str(counter), "COUNT_ALLOCATIONS": str(counts)}
        command = [bundle.path / RUN_TOOL, bundle.path, *map(str, options)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return int(counts.read_text())

    return count


@pytest.mark.parametrize("affinity", [(), ("--affinity",)], ids=["anywhere", "big first"])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_frames_allocate_nothing(allocations, threads, affinity):
    few, many = (allocations("--frames", frames, "--threads", threads, *affinity) for frames in (1, 101))
    assert many == few


@pytest.mark.parametrize("layout", ["nv21:65x47:90", "rgba:65x47", "grey:65x47:180"])
def test_images_allocate_nothing(allocations, tmp_path, layout):
    (tmp_path / "frames").write_bytes(bytes(101 * 65 * 47 * 4))
    raw = ("--raw", tmp_path / "frames", "--image", layout)
    few, many = (allocations(*raw, "--frames", frames) for frames in (1, 101))
    assert many == few


def test_every_allocation_is_seen(allocations):
    """Files, weights, arena, scratch, state, logits: the counter is no deaf one, and hears more with more threads."""
    assert allocations("--threads", 4) > allocations("--threads", 1) > 8
