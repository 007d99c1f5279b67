"""The plugin counts a program whose instructions are known one by one."""

import subprocess
import sys

import pytest

from tsm_edge.errors import MissingDependencyError, TsmEdgeError

ROUNDS = 1000

# Each line of the loop is of the class that stands beside it; what is outside runs once.
LOOP = """
.global _start
_start:
    sub x0, sp, #64                    // integer
    mov w1, #{rounds}                  // integer
1:
    ldr q0, [x0]                       // load
    ldp x2, x3, [x0]                   // load
    ld1 {{v1.4s}}, [x0]                // load
    prfm pldl1keep, [x0]               // prefetch
    fmla v2.4s, v0.4s, v1.4s           // vector_fmla
    fmla v3.4s, v0.4s, v1.s[3]         // vector_fmla
    fmadd s4, s0, s1, s4               // scalar_fma
    fadd v5.4s, v0.4s, v1.4s           // other_simd
    fmul v6.4s, v0.4s, v1.s[1]         // other_simd
    str q0, [x0]                       // store
    stp x2, x3, [x0]                   // store
    subs w1, w1, #1                    // integer
    b.ne 1b                            // branch
    mov x8, #93                        // integer
    mov x0, #{status}                  // integer
    svc #0                             // branch
"""
ONCE = {"integer": 4, "branch": 1}


def expected_counts():
    body = LOOP.partition("1:\n")[2].partition("    mov x8")[0]
    classes = [line.partition("//")[2].strip() for line in body.splitlines()]
    return {name: ROUNDS * classes.count(name) + ONCE.get(name, 0) for name in set(classes)}


@pytest.fixture(scope="module")
def instruction_plugin(scripts_on_the_path):
    import instruction_plugin

    return instruction_plugin


@pytest.fixture(scope="module")
def count(instruction_plugin, tmp_path_factory):
    """Assemble a program with the loop and count it."""
    try:
        instruction_plugin.emulator()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("plugin")
    plugin = instruction_plugin.built_plugin(folder)

    def count_loop(status):
        source, program = folder / "loop.S", folder / "loop"
        source.write_text(LOOP.format(rounds=ROUNDS, status=status))
        compiler = [
            sys.executable,
            "-m",
            "ziglang",
            "cc",
            "-target",
            "aarch64-linux-musl",
            "-nostdlib",
            "-static",
        ]
        subprocess.run([*compiler, source, "-o", program], check=True, capture_output=True)
        return instruction_plugin.count_instructions([program], plugin)

    return count_loop


def test_loop_is_counted_exactly(count):
    assert count(status=0) == expected_counts()


def test_program_that_fails_gives_no_counts(count):
    with pytest.raises(TsmEdgeError, match="failed under qemu"):
        count(status=3)


def test_missing_emulator_is_named(instruction_plugin, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="qemu-aarch64 is missing"):
        instruction_plugin.emulator()


def test_emulator_without_plugins_is_refused(instruction_plugin, monkeypatch, tmp_path):
    fake = tmp_path / "qemu-aarch64"
    fake.write_text("#!/bin/sh\necho usage\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="loads no plugins"):
        instruction_plugin.emulator()
