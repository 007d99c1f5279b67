"""The Java entry points, called by a real Java machine through the Kotlin sources that bundles for Android carry."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_interface import c_library, image_of, pointer
from jvm import ANDROID, compile_kotlin, needs_jvm, run_java

from tsm_edge.bundle import LIBRARY, WEIGHTS
from tsm_edge.export.codegen import write_object
from tsm_edge.export.driver_source import metadata_json, plan_source
from tsm_edge.export.link import link_library
from tsm_edge.export.plan import plan_network
from tsm_edge.export.zig import c_source, zig_cc
from tsm_edge.targets import host_target

NATIVE = ANDROID / "src" / "main" / "kotlin" / "dev" / "tsmedge" / "Native.kt"
JNI_HEADERS = sorted(Path("/usr/lib/jvm").glob("*/include/jni.h"))
SIZES = ((64, 48), (51, 37), (37, 90))


@pytest.fixture(scope="module")
def folder(small, small_layers, tmp_path_factory):
    """A library for this machine with the entry points, its weights and what it says of itself."""
    path, target = tmp_path_factory.mktemp("java"), host_target()
    plan = plan_network(small_layers, target)
    (path / "plan.c").write_text(plan_source(plan, small.spec, target, 1))
    write_object(plan.kernels, target, path / "kernels.o")
    link_library(path / "plan.c", path / "kernels.o", target, path / LIBRARY, java=True)
    (path / WEIGHTS).write_bytes(plan.weights)
    (path / "labels.txt").write_text("\n".join(small.spec.labels))
    (path / "metadata.json").write_text(metadata_json(small.spec, target, 1, "fp32"))
    return path


@pytest.fixture(scope="module")
def classpath(tmp_path_factory):
    return compile_kotlin(tmp_path_factory.mktemp("kotlin"))


@pytest.fixture
def stream(folder):
    """A stream of the same library, without Java."""
    library = c_library(folder / LIBRARY)
    model, stream = ctypes.c_void_p(), ctypes.c_void_p()
    assert library.tsm_model_open(str(folder / WEIGHTS).encode(), 1, ctypes.byref(model)) == 0
    assert library.tsm_stream_create(model, ctypes.byref(stream)) == 0
    yield library, stream
    library.tsm_stream_destroy(stream)
    library.tsm_model_close(model)


def step(stream, name, argument):
    library, handle = stream
    logits = np.empty(5, np.float32)
    assert getattr(library, name)(handle, argument, pointer(logits)) == 0
    return logits


class Cases:
    """What Java steps through, and what C gives for the same."""

    def __init__(self, folder, stream):
        self.folder, self.stream, self.lines, self.expected = folder, stream, [], []

    def add(self, how, numbers, arrays):
        names = []
        for index, array in enumerate(arrays):
            names.append(f"case_{len(self.lines)}_{index}")
            array.tofile(self.folder / names[-1])
        self.lines.append(" ".join([how, *map(str, numbers), *names]))

    def frame(self, values):
        self.add("frame", [0] * 9, [values])
        self.expected.append(step(self.stream, "tsm_stream_step", pointer(values)))

    def image(self, how, format_name, samples, **options):
        image, planes = image_of(format_name, samples, **options)
        arrays = [np.concatenate(planes.arrays)] if how == "nv21" else planes.arrays
        numbers = image.width, image.height, image.rotation, *image.row_strides, *image.pixel_strides
        self.add(how, numbers, arrays)
        self.expected.append(step(self.stream, "tsm_stream_step_image", ctypes.byref(image)))

    def say(self, word):
        self.lines.append(word)

    def run(self, classpath):
        (self.folder / "cases.txt").write_text("\n".join(self.lines))
        said = run_java("StreamCases", classpath, self.folder / LIBRARY, self.folder)
        return np.array([[float.fromhex(word) for word in line.split()] for line in said.splitlines()])


def noise(rng, *shape):
    return rng.integers(0, 256, shape, dtype=np.uint8)


def yuv(rng, width, height):
    half = (height + 1) // 2, (width + 1) // 2
    return noise(rng, height, width), noise(rng, *half), noise(rng, *half)


@needs_jvm
def test_java_steps_give_the_bits_that_c_gives(folder, stream, classpath):
    rng, cases = np.random.default_rng(5), Cases(folder, stream)
    for width, height in SIZES:
        for rotation in (0, 90, 180, 270):
            options = {"rotation": rotation}
            cases.image("nv21", "nv21", yuv(rng, width, height), **options)
            padded = {**options, "padding": 12, "pixel_stride": 2}
            cases.image("yuv_420_888", "yuv_420_888", yuv(rng, width, height), **padded)
            cases.image("image_yuv", "yuv_420_888", yuv(rng, width, height), **padded)
            cases.image("rgba", "rgba", (noise(rng, height, width, 4),), **options, padding=20)
            cases.image("image_rgba", "rgba", (noise(rng, height, width, 4),), **options, padding=20)
        cases.frame(rng.normal(size=(3, 32, 32)).astype(np.float32))
    answers = cases.run(classpath)
    np.testing.assert_array_equal(answers, cases.expected)
    assert len(np.unique(answers, axis=0)) == len(answers) == 63


@needs_jvm
def test_java_streams_are_saved_restored_and_reset(folder, stream, classpath):
    rng, cases = np.random.default_rng(6), Cases(folder, stream)
    frames = rng.normal(size=(2, 3, 32, 32)).astype(np.float32)
    cases.frame(frames[0])
    cases.say("save")
    cases.frame(frames[1])
    cases.say("reset")
    cases.frame(frames[0])
    cases.say("load")
    cases.frame(frames[1])
    first, second, again, second_again = cases.run(classpath)
    np.testing.assert_array_equal([first, second], cases.expected[:2])
    np.testing.assert_array_equal([again, second_again], [first, second])


@needs_jvm
def test_class_keeps_its_promises(folder, classpath):
    (folder / "cases.txt").write_text("no weights")
    said = run_java("ClassChecks", classpath, folder / LIBRARY, folder).splitlines()
    assert said[-1] == "the analyzer names a label for each image"


@needs_jvm
@pytest.mark.skipif(
    shutil.which("proguard") is None, reason="proguard is missing; on Debian: apt-get install proguard-cli"
)
@pytest.mark.parametrize("with_rules", [True, False])
def test_rules_keep_the_names_that_the_library_looks_for(classpath, tmp_path, with_rules):
    """ProGuard, since R8, which reads the same rules, is in no registry that tests may ask."""
    rules = [f"-include {ANDROID / 'consumer-rules.pro'}"] if with_rules else []
    app = [
        f"-injars {classpath[0]}(**.class)",
        f"-outjars {tmp_path / 'out.jar'}",
        f"-printmapping {tmp_path / 'map'}",
        "-ignorewarnings",
        "-dontoptimize",
        "-keep class dev.tsmedge.example.GestureAnalyzer { public <methods>; }",
    ]
    (tmp_path / "app.pro").write_text("\n".join([*app, *rules]))
    done = subprocess.run(
        ["proguard", f"@{tmp_path / 'app.pro'}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, mapped = (tmp_path / "map").read_text().partition("dev.tsmedge.Native -> ")
    name, *members = re.split(r":\n", mapped.partition("\ndev.")[0], maxsplit=1)
    natives = dict(
        re.findall(r"(sizes|metadata|statusText|stepYuv420)\([^)]*\) -> (\w+)$", members[0], re.MULTILINE)
    )
    assert len(natives) == 4, "what the example uses is not shrunk away"
    kept = name == "dev.tsmedge.Native" and all(new == old for old, new in natives.items())
    assert kept == with_rules


def test_every_function_that_kotlin_declares_is_there_and_no_other():
    declared = set(re.findall(r"external fun (\w+)\(", NATIVE.read_text()))
    defined = {
        name
        for source in ("tsm_jni.c", "tsm_jni_step.c")
        for name in re.findall(r"^TSM_NATIVE\(\w+, (\w+)\)", c_source(source).read_text(), re.MULTILINE)
    }
    assert declared == defined
    assert len(declared) == 12


@pytest.mark.skipif(
    not JNI_HEADERS, reason="jni.h is missing; on Debian: apt-get install default-jdk-headless"
)
def test_numbers_are_those_of_the_specifications_header(tmp_path):
    """Names as in jni.h: TSM_JNI_GET_ARRAY_LENGTH is GetArrayLength."""
    numbers = re.findall(r"^  TSM_JNI_(\w+) = \d+", c_source("tsm_jni.h").read_text(), re.MULTILINE)
    assert len(numbers) == 14
    lines = ["#include <jni.h>", "#include <stddef.h>", '#include "tsm_jni.h"']
    for name in numbers:
        function = "".join(word.capitalize() for word in name.split("_"))
        offset = f"offsetof(struct JNINativeInterface_, {function}) / sizeof(void *)"
        lines.append(f'_Static_assert({offset} == TSM_JNI_{name}, "{name}");')
    lines += [
        '_Static_assert(JNI_ABORT == TSM_JNI_ABORT, "JNI_ABORT");',
        '_Static_assert(sizeof(jboolean) == 1 && sizeof(jint) == 4 && sizeof(jlong) == 8, "numbers");',
    ]
    (tmp_path / "check.c").write_text("\n".join(lines) + "\n")
    java = JNI_HEADERS[0].parent
    folders = [f"-I{path}" for path in (java, java / "linux")]
    zig_cc(
        f"{host_target().architecture}-linux-gnu",
        ["-c", *folders],
        [tmp_path / "check.c"],
        tmp_path / "check.o",
    )
