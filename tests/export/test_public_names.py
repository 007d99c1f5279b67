import subprocess
import sys

import pytest

import tsm_edge.export

NAMES = tsm_edge.export.__all__


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_what_it_is_the_second_time_too(name):
    first, second = getattr(tsm_edge.export, name), getattr(tsm_edge.export, name)
    assert first is second
    assert getattr(first, "__name__", name) == name


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'export_tflite'"):
        tsm_edge.export.export_tflite  # noqa: B018


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_importing_the_package_loads_neither_torch_nor_tvm():
    done = run("import sys, tsm_edge.export; print({'torch', 'tvm', 'onnx'} & sys.modules.keys())")
    assert done.stdout.strip() == "set()", done.stderr


def test_reading_a_checkpoint_does_not_load_tvm():
    done = run("import sys; from tsm_edge.export import load_checkpoint; print('tvm' in sys.modules)")
    assert done.stdout.strip() == "False", done.stderr


def test_without_torch_the_error_names_the_command():
    done = run("import sys; sys.modules['torch'] = None; from tsm_edge.export import default_model")
    assert done.returncode == 1
    *_, line = done.stderr.strip().splitlines()
    assert line.startswith("tsm_edge.errors.MissingDependencyError: the export half needs torch")
    assert "pip install 'tsm-edge[export]'" in line
