import dataclasses
import json
import subprocess
import sys
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from small_graph import SmallGraph

from tsm_edge.errors import CompileError
from tsm_edge.export.codegen import write_object
from tsm_edge.export.driver_source import plan_source
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.link import c_source
from tsm_edge.export.plan import plan_network
from tsm_edge.runtime.preprocess import normalise
from tsm_edge.specs import ModelSpec, PreprocessSpec
from tsm_edge.targets import TargetSpec, host_target

# Says what a compiler makes of the generated tables: a field or an entry a line.
PRINTER = r"""
#include <stdio.h>
#include "tsm_plan.h"
int main(void) {
  const tsm_plan *p = &tsm_model_plan;
  int i;
  printf("size %d %d %d\n", p->height, p->width, p->num_classes);
  for (i = 0; i < 3 * 256; i++) printf("level %a\n", p->levels[i]);
  for (i = 0; i < p->num_classes; i++) printf("label %s\n", p->labels[i]);
  printf("resize %d\nmetadata %s\n", p->resize_short_side, p->metadata);
  printf("bytes %lld %lld %lld\n", (long long)p->arena_bytes, (long long)p->weight_bytes, (long long)p->state_bytes);
  printf("logits %lld\nthreads %d\n", (long long)p->logits_offset, p->default_threads);
  for (i = 0; i < p->num_calls; i++) printf("call %s %d\n", p->calls[i].name, p->calls[i].units);
  for (i = 0; i < p->num_shift_buffers; i++)
    printf("buffer %d %d %d %lld\n", p->shift_buffers[i].channels, p->shift_buffers[i].height,
           p->shift_buffers[i].width, (long long)p->shift_buffers[i].offset);
  printf("target %s\nlatency %a\nnote %s", p->target, p->latency_target_ms, p->note);
  return 0;
}
"""


@pytest.fixture(scope="module")
def graph():
    graph = SmallGraph()
    shifted, kept = graph.shift(graph.relu6(graph.conv("frame", 16, 3, strides=[2, 2])), 3)
    logits, last = graph.tail(graph.conv(shifted, 16))
    graph.results = (logits, kept, last)
    return graph


@pytest.fixture(scope="module")
def plan(graph, tmp_path_factory):
    layers = fuse_layers(graph.read(tmp_path_factory.mktemp("graph"), *graph.results))
    return plan_network(layers, host_target())


@pytest.fixture(scope="module")
def kernels(plan, tmp_path_factory):
    path = tmp_path_factory.mktemp("kernels") / "kernels.o"
    write_object(plan.kernels, host_target(), path)
    return path


@pytest.fixture
def compiled(plan, kernels, tmp_path):
    """What the compiled tables say, first words as keys; the compiler must find nothing to warn of."""

    def compiled_(spec, target, threads=1):
        (tmp_path / "plan.c").write_text(plan_source(plan, spec, target, threads), encoding="utf-8")
        (tmp_path / "printer.c").write_text(PRINTER)
        flags = [
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Werror",
            f"-I{c_source('tsm_plan.h').parent}",
            "-o",
            "printer",
        ]
        command = [sys.executable, "-m", "ziglang", "cc", *flags, "plan.c", "printer.c", str(kernels)]
        subprocess.run(command, cwd=tmp_path, check=True)
        printed = subprocess.run(
            [tmp_path / "printer"], capture_output=True, encoding="utf-8", check=True
        ).stdout
        said: dict[str, list[str]] = {}
        for line in printed.split("\n"):
            key, _, value = line.partition(" ")
            said.setdefault(key, []).append(value)
        return said

    return compiled_


def test_tables_say_what_the_plan_says(compiled, plan, graph):
    spec = graph.spec()
    said = compiled(spec, replace(host_target(), latency_target_ms=13.5), threads=3)
    assert said["size"] == ["8 8 5"]
    assert said["bytes"] == [f"{plan.arena_bytes} {len(plan.weights)} {spec.state.size_bytes}"]
    assert said["logits"] == [str(plan.arena[plan.logits])]
    assert said["threads"] == ["3"]
    assert said["call"] == [f"{call.kernel.name} {call.kernel.units}" for call in plan.calls]
    assert said["buffer"] == ["3 4 4 0", f"1 4 4 {3 * 16 * 4}"]
    assert said["target"] == ["host"]
    assert float.fromhex(said["latency"][0]) == 13.5
    assert said["note"] == [""]


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ((0, 0, 0), (1, 1, 1)),
        ((0.0, -1e-20, 1e20), (1e-30, 1.0, 123456789.0)),
    ],
    ids=["ImageNet", "whole numbers", "extremes"],
)
def test_normalisation_is_exact(compiled, graph, mean, std):
    preprocess = PreprocessSpec(resize_short_side=8, crop_size=8, mean=mean, std=std)
    said = compiled(graph.spec(preprocess=preprocess), host_target())
    every_level = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    np.testing.assert_array_equal(
        [float.fromhex(level) for level in said["level"]], normalise(every_level, preprocess).ravel()
    )
    assert said["resize"] == ["8"]


def test_normalisation_beyond_float32_is_refused(plan, graph):
    preprocess = PreprocessSpec(resize_short_side=8, crop_size=8, std=(1e-300, 1.0, 1.0))
    with pytest.raises(CompileError, match="leaves float32"):
        plan_source(plan, graph.spec(preprocess=preprocess), host_target(), 1)


def test_metadata_is_the_manifests(compiled, graph):
    labels = ("plain", 'a "quote"', "back\\slash ??/ */", "Händeschütteln 手 👋 0", "1 nul \x00 and\nline")
    spec = dataclasses.replace(graph.spec(), labels=labels)
    printed = compiled(spec, host_target(), threads=3)
    assert printed["label"] == [*labels[:4], "1 nul "]
    said = printed["metadata"][0]
    assert said.isascii()
    fields = json.loads(said)
    assert msgspec.convert(fields["model"], ModelSpec) == spec
    assert msgspec.convert(fields["target"], TargetSpec) == host_target()
    assert (fields["threads"], fields["precision"]) == (3, "fp32")


def test_any_text_is_a_safe_string(compiled, graph):
    note = 'a "quote", a \\backslash\\n, trigraphs ??/ ??= ??\', 100 %s %d, a tab\t, a line\nend, é and \x00 zero */'
    said = compiled(graph.spec(trained=False), replace(host_target(), note=note))
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in note)
    assert said["note"] == [f"untrained weights; {shown}"]
