"""A day's work in seconds: a hundred thousand frames of a small network, memory flat and every answer finite."""

import subprocess
import sys
from pathlib import Path

import pytest

from tsm_edge.bundle import WEIGHTS

SOURCE = Path(__file__).parents[2] / "soak.c"
FRAMES = 100_000
# A few pages that the system's own libraries touch late.
SLACK_KIB = 128


@pytest.fixture(scope="module")
def soak(bundle_for, tmp_path_factory):
    """Stream so many frames: memory after a tenth of them and after all, KiB, and a checksum."""
    bundle, program = bundle_for("host"), tmp_path_factory.mktemp("soak") / "soak"
    command = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        SOURCE,
        "-o",
        program,
    ]
    linking = [f"-I{bundle.path}", f"-L{bundle.path}", "-ltsm_model", f"-Wl,-rpath,{bundle.path}", "-lm"]
    subprocess.run([*command, *linking], check=True)

    def run(frames, threads, callers=1):
        arguments = [program, bundle.path / WEIGHTS, str(frames), str(threads), str(callers)]
        early, late, checksum = subprocess.run(
            arguments, capture_output=True, text=True, check=True
        ).stdout.split()
        return int(early), int(late), checksum

    return run


@pytest.mark.slow
def test_memory_is_flat_and_answers_are_finite(soak):
    early, late, _ = soak(FRAMES, 1)
    assert early > 0
    assert late - early <= SLACK_KIB


def test_threads_and_callers_change_no_bit(soak):
    """Floats and images in turn, with states saved, loaded and reset; other callers' streams in between."""
    assert (
        len({soak(1500, threads, callers)[2] for threads, callers in ((1, 1), (2, 1), (4, 1), (2, 3))}) == 1
    )
