"""The C half under AddressSanitizer and UndefinedBehaviorSanitizer, given what no caller should give it."""

import os
import random
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from c_interface import STATUSES

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS
from tsm_edge.export.codegen import write_object
from tsm_edge.export.driver_source import plan_source
from tsm_edge.export.link import DRIVER_SOURCES, NO_GPU_SOURCES, RUN_SOURCES
from tsm_edge.export.plan import plan_network
from tsm_edge.export.zig import c_source
from tsm_edge.specs import PreprocessSpec
from tsm_edge.targets import host_target

FUZZER, SOAK = (Path(__file__).parents[2] / name for name in ("fuzz_library.c", "soak.c"))
# With test_fuzzed_manifest's two thousand these are ten thousand.
COUNT = 1600
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
RACES = ("-fsanitize=thread", "-fno-omit-frame-pointer")
WARNINGS = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror")


@pytest.fixture(scope="module")
def parts(small, small_layers, tmp_path_factory):
    """A folder with the small network's plan.c, kernels.o and weights.bin."""
    folder = tmp_path_factory.mktemp("sanitized")
    target = host_target()
    plan = plan_network(small_layers, target)
    write_object(plan.kernels, target, folder / "kernels.o")
    # No rim is cut off, so that a square image's very last sample is looked at.
    size = small.spec.preprocess.crop_size
    spec = replace(small.spec, preprocess=PreprocessSpec(resize_short_side=size, crop_size=size))
    (folder / "plan.c").write_text(plan_source(plan, spec, target, 2))
    (folder / "weights.bin").write_bytes(plan.weights)
    return folder


@pytest.fixture(scope="module")
def build(parts):
    """Compile the C half and these sources with sanitizers; zig has none for addresses, gcc and its runtime do."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is missing; on Debian: apt-get install gcc libc6-dev")

    @cache
    def build_(name, *sources, sanitizers=SANITIZERS):
        inputs = [
            parts / "plan.c",
            *map(c_source, (*DRIVER_SOURCES, *NO_GPU_SOURCES)),
            *sources,
            parts / "kernels.o",
        ]
        options = [
            *WARNINGS,
            *sanitizers,
            "-O1",
            "-g",
            f"-I{c_source('tsm_edge.h').parent}",
            "-lm",
            "-pthread",
        ]
        command = [compiler, *inputs, *options, "-o", parts / name]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if "cannot find" in done.stderr:
            pytest.skip("gcc has no sanitizers here; on Debian: apt-get install gcc libc6-dev")
        assert done.returncode == 0, done.stderr
        return parts / name

    return build_


def run(program, *arguments, cwd, code=0, stdin=None):
    environment = os.environ | {"ASAN_OPTIONS": "detect_stack_use_after_return=1"}
    done = subprocess.run(
        [program, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        check=False,
        input=stdin,
    )
    said = done.stderr.decode(errors="replace")
    assert done.returncode == code, said
    assert "Sanitizer" not in said
    assert "runtime error" not in said
    return done.stdout.decode()


@pytest.mark.parametrize("seed", [1, 2])
def test_fuzzed_library_answers_with_the_documented_status(build, parts, tmp_path, seed):
    fuzzer = build("fuzzer", FUZZER)
    lines = run(fuzzer, parts / "weights.bin", seed, COUNT // 2, cwd=tmp_path).splitlines()
    seen = {(kind, int(status)): int(number) for kind, status, number in map(str.split, lines)}
    total = Counter()
    for (kind, _), number in seen.items():
        total[kind] += number
    assert total == dict.fromkeys(["weights", "options", "states", "frames", "images"], COUNT // 2)
    # Neither all good nor all bad: what is refused and what is not was met often.
    for kind, *names in (
        ("weights", "ok", "size", "file"),
        ("options", "ok", "argument", "device", "size"),
        ("states", "ok", "value"),
        ("frames", "ok", "value"),
        ("images", "ok", "image"),
    ):
        assert {status for met, status in seen if met == kind} == {STATUSES[name] for name in names}
        assert all(seen[kind, STATUSES[name]] >= COUNT // 100 for name in names)


@pytest.mark.parametrize(
    "layout", ["rgb:31x17", "nv21:31x17:90", "i420:17x31:180", "bgra:16x16:270", "grey:33x16"]
)
def test_tool_reads_pictures_to_their_last_byte_and_no_further(build, parts, layout):
    tool = build("tsm-run", *map(c_source, RUN_SOURCES))
    width, height = map(int, layout.split(":")[1].split("x"))
    half = 2 * ((width + 1) // 2) * ((height + 1) // 2)
    sizes = {"rgb": 3 * width * height, "bgra": 4 * width * height, "grey": width * height}
    size = sizes.get(layout.split(":")[0], width * height + half)
    pictures = random.Random(0).randbytes(3 * size)
    answers = run(tool, parts, "--raw", "-", "--image", layout, "--affinity", cwd=parts, stdin=pictures)
    assert len(answers.splitlines()) == 3


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY\x01", b"\x93NUMPY\x01\0\xff\xff", b"\x93NUMPY\x01\0\0\0" + bytes(7)]
)
def test_tool_meets_broken_golden_streams(build, parts, content):
    for name in (GOLDEN_FRAMES, GOLDEN_LOGITS):
        (parts / name).write_bytes(content)
    run(build("tsm-run", *map(c_source, RUN_SOURCES)), parts, cwd=parts, code=1)


def test_threads_and_callers_do_not_race(build, parts):
    """Under ThreadSanitizer, which sees the driver's memory and not the kernels'."""
    soak = build("soak", SOAK, sanitizers=RACES)
    idle = subprocess.run([soak], capture_output=True, text=True, check=False)
    if "unexpected memory mapping" in idle.stderr:
        pytest.skip(
            "this system spreads addresses wider than gcc's ThreadSanitizer knows; sysctl vm.mmap_rnd_bits=28"
        )
    run(soak, parts / "weights.bin", 200, 3, 3, cwd=parts)


def test_sanitizers_are_awake(build, tmp_path):
    """The same build ends a program that reads beside an image's plane."""
    source = tmp_path / "short.c"
    source.write_text("""
#include <stdlib.h>
#include "tsm_edge.h"
int main(void) {
  static float frame[3 * 64 * 64];
  tsm_image image = {sizeof image, TSM_IMAGE_GREY, 40, 40, 0, {0}, {0}, {0}};
  uint8_t *pixels = calloc(40 * 40 - 1, 1);
  int status;
  image.planes[0] = pixels;
  status = tsm_image_to_frame(&image, frame);
  free(pixels);
  return status;
}
""")
    done = subprocess.run([build("short", source)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
