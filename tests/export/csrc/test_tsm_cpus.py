"""Which processors are the big ones, by the files in which Linux describes them; here a made-up tree of them."""

import os
import subprocess
import sys

import pytest

from tsm_edge.export.link import C_FLAGS, DRIVER_SOURCES, NO_GPU_SOURCES
from tsm_edge.export.zig import c_source

# Prints the processors that are kept, of those that it may run on itself and those that it is told.
PROGRAM = """
#include "tsm_cpus.h"
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **arguments) {
  tsm_cpus cpus;
  int cpu;
  if (count != 4) return 2;
  CPU_ZERO(&cpus.allowed);
  cpus.count = atoi(arguments[3]);
  for (cpu = 0; cpu < cpus.count; cpu++) CPU_SET(cpu, &cpus.allowed);
  tsm_cpus_keep_biggest(&cpus, arguments[1], atoi(arguments[2]));
  printf("%d:", cpus.count);
  for (cpu = 0; cpu < CPU_SETSIZE; cpu++) if (CPU_ISSET(cpu, &cpus.allowed)) printf(" %d", cpu);
  return 0;
}
"""
CAPACITY, FREQUENCY = "cpu_capacity", "cpufreq/cpuinfo_max_freq"
# A phone: four little cores, three big ones, one bigger still.
PHONE = (250, 250, 250, 250, 800, 800, 800, 1024)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cpus")
    (folder / "main.c").write_text(PROGRAM)
    flags = ["-O1", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{c_source('tsm_cpus.h').parent}"]
    command = [sys.executable, "-m", "ziglang", "cc", *flags, folder / "main.c", c_source("tsm_cpus.c")]
    subprocess.run([*command, "-o", folder / "cpus"], check=True)
    return folder / "cpus"


@pytest.fixture
def kept(program, tmp_path):
    """Processors that are kept for that many threads, of those of the tree `tmp_path`."""

    def kept_(threads, cpus):
        said = subprocess.run(
            [program, tmp_path, str(threads), str(cpus)], capture_output=True, text=True, check=True
        ).stdout
        count, _, numbers = said.partition(":")
        found = [int(number) for number in numbers.split()]
        assert int(count) == len(found)
        return found

    return kept_


def describe(folder, name, values):
    for cpu, value in enumerate(values):
        file = folder / f"cpu{cpu}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if value is not None:
            file.write_text(f"{value}\n")


@pytest.mark.parametrize("name", [CAPACITY, FREQUENCY])
@pytest.mark.parametrize(
    ("threads", "expected"),
    [
        (1, [7]),
        (2, [4, 5, 6, 7]),
        (4, [4, 5, 6, 7]),
        (5, list(range(8))),
        (8, list(range(8))),
        (64, list(range(8))),
    ],
)
def test_biggest_processors_and_their_equals_are_kept(kept, tmp_path, name, threads, expected):
    describe(tmp_path, name, PHONE)
    assert kept(threads, 8) == expected


def test_capacity_comes_before_frequency(kept, tmp_path):
    describe(tmp_path, CAPACITY, (1024, 512))
    describe(tmp_path, FREQUENCY, (1_400_000, 2_000_000))
    assert kept(1, 2) == [0]


def test_frequency_serves_where_one_capacity_is_missing(kept, tmp_path):
    describe(tmp_path, CAPACITY, (1024, None))
    describe(tmp_path, FREQUENCY, (1_400_000, 2_000_000))
    assert kept(1, 2) == [1]


def test_big_ones_may_come_first(kept, tmp_path):
    describe(tmp_path, CAPACITY, tuple(reversed(PHONE)))
    assert kept(1, 8) == [0]
    assert kept(4, 8) == [0, 1, 2, 3]


def test_processors_that_the_process_may_not_use_do_not_count(kept, tmp_path):
    describe(tmp_path, CAPACITY, PHONE)
    assert kept(1, 4) == [0, 1, 2, 3]
    assert kept(1, 5) == [4]


@pytest.mark.parametrize(
    "values", [(), (1024, None), ("none", 1024), ("", ""), ("-5", 1024), (0, 0)], ids=str
)
def test_what_cannot_be_read_changes_nothing(kept, tmp_path, values):
    describe(tmp_path, CAPACITY, values)
    assert kept(1, 2) == [0, 1]


def test_number_without_end_is_a_number(kept, tmp_path):
    describe(tmp_path, CAPACITY, ("9" * 100, "8" * 100))
    assert kept(1, 2) == [0]


def test_name_without_end_changes_nothing(kept, tmp_path, program):
    said = subprocess.run(
        [program, "/" + "x" * 5000, "1", "2"], capture_output=True, text=True, check=True
    ).stdout
    assert said == "2: 0 1"


def test_real_tree_leaves_somewhere_to_run(program):
    cpus = max(os.sched_getaffinity(0)) + 1
    said = subprocess.run(
        [program, "/sys/devices/system/cpu", "1", str(cpus)], capture_output=True, text=True, check=True
    ).stdout
    assert 1 <= int(said.partition(":")[0]) <= cpus


# A network of one call that notes where it runs; prints that, and where the caller may run afterwards.
STEPPING = """
#include "tsm_edge.h"
#include "tsm_plan.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
static cpu_set_t during;
static void note(const tsm_operands *o, unsigned char *scratch, int32_t begin, int32_t end) {
  (void)o, (void)scratch, (void)begin, (void)end;
  sched_getaffinity(0, sizeof during, &during);
}
static const tsm_call calls[] = {{"note", note, 1, 1}};
const tsm_plan tsm_model_plan = {.height = 1, .width = 1, .num_classes = 1, .arena_bytes = 64, .weight_bytes = 64,
                                 .num_calls = 1, .default_threads = 1, .calls = calls};
static void print(const cpu_set_t *cpus) {
  int cpu;
  for (cpu = 0; cpu < CPU_SETSIZE; cpu++) if (CPU_ISSET(cpu, cpus)) printf("%d ", cpu);
  printf("\\n");
}
int main(int count, char **arguments) {
  static _Alignas(64) unsigned char weights[64];
  tsm_model_options options = {0};
  tsm_model *model;
  tsm_stream *stream;
  float frame[3] = {0}, logit;
  cpu_set_t after;
  options.size = sizeof options;
  options.affinity = count > 1 ? atoi(arguments[1]) : 0;
  options.weights = weights;
  options.weight_bytes = sizeof weights;
  if (tsm_model_open_with(&options, &model) || tsm_stream_create(model, &stream)) return 1;
  if (tsm_stream_step(stream, frame, &logit)) return 1;
  sched_getaffinity(0, sizeof after, &after);
  print(&during);
  print(&after);
  tsm_stream_destroy(stream);
  tsm_model_close(model);
  return 0;
}
"""


@pytest.fixture(scope="module")
def stepping(tmp_path_factory):
    """Where a step's caller may run during the call and after it, with this affinity; the last processor is biggest."""
    folder, allowed = tmp_path_factory.mktemp("stepping"), sorted(os.sched_getaffinity(0))
    for cpu in allowed:
        (folder / f"cpu{cpu}").mkdir()
        (folder / f"cpu{cpu}" / CAPACITY).write_text("1024" if cpu == allowed[-1] else "512")
    (folder / "main.c").write_text(STEPPING)
    sources = [folder / "main.c", *map(c_source, (*DRIVER_SOURCES, *NO_GPU_SOURCES))]
    flags = [*C_FLAGS, f"-I{c_source('tsm_cpus.h').parent}", f'-DTSM_CPUS_FOLDER="{folder}"', "-lpthread"]
    command = [sys.executable, "-m", "ziglang", "cc", *flags, *sources, "-o", folder / "stepping"]
    subprocess.run(command, check=True)

    def step(affinity):
        lines = subprocess.run(
            [folder / "stepping", str(affinity)], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        return [[int(cpu) for cpu in line.split()] for line in lines]

    return step


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor alone to run on")
def test_caller_is_kept_on_the_biggest_processor_while_it_steps(stepping):
    allowed = sorted(os.sched_getaffinity(0))
    assert stepping(1) == [allowed[-1:], allowed]
    assert stepping(0) == [allowed, allowed]
