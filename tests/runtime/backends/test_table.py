import subprocess
import sys

import pytest

from tsm_edge.bundle import Bundle
from tsm_edge.errors import UsageError
from tsm_edge.runtime.backends.table import BACKENDS, open_backend


def test_unknown_backend_names_the_known(tiny_path):
    with pytest.raises(UsageError, match="choose one of tvm, onnxruntime, torch"):
        open_backend("tensorrt", Bundle.open(tiny_path), 1)


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_no_use(tiny_path, threads):
    with pytest.raises(UsageError, match=f"{threads} threads"):
        open_backend("onnxruntime", Bundle.open(tiny_path), threads)


@pytest.mark.parametrize(
    ("backend", "package", "advice"),
    [("torch", "torch", "tsm-edge[export]"), ("onnxruntime", "onnxruntime", "pip install onnxruntime")],
)
def test_absent_package_is_named_with_the_way_to_get_it(tiny_path, backend, package, advice):
    program = f"""
import sys
sys.modules[{package!r}] = None
from tsm_edge.bundle import Bundle
from tsm_edge.errors import MissingDependencyError
from tsm_edge.runtime.backends.table import open_backend
try:
    open_backend({backend!r}, Bundle.open({str(tiny_path)!r}))
except MissingDependencyError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert advice in done.stdout


def test_device_half_imports_no_host_package():
    program = """
import sys
import tsm_edge.runtime.demo, tsm_edge.runtime.verify
from tsm_edge.runtime.backends.table import BACKENDS
for entry in BACKENDS.values():
    __import__(entry.partition(":")[0])
print([name for name in ("torch", "tvm", "onnx", "tsm_edge.export", "cv2") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_entry_names_a_module_and_a_function():
    assert all(entry.count(":") == 1 and entry.startswith("tsm_edge.runtime.") for entry in BACKENDS.values())
