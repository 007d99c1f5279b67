from functools import partial

import pytest

from tsm_edge.errors import BundleMismatchError, MissingDependencyError, UsageError
from tsm_edge.runtime.backends.table import open_backend
from tsm_edge.runtime.bench.engines import backend_openers, open_engines


class Closing:
    """A real backend that says when it and its streams are closed."""

    def __init__(self, backend, log):
        self.backend, self.log = backend, log

    def open_stream(self):
        stream = self.backend.open_stream()
        close = stream.close
        stream.close = lambda: (self.log.append("stream"), close())
        return stream

    def close(self):
        self.log.append("backend")
        self.backend.close()


def fail_with(error):
    def opener():
        raise error

    return opener


@pytest.fixture
def opener(tiny):
    return partial(open_backend, "onnxruntime", tiny, 1)


def test_streams_close_before_their_backends(opener):
    log = []
    with open_engines({"real": lambda: Closing(opener(), log)}, skip_missing=False) as engines:
        assert list(engines.streams) == ["real"]
        assert log == []
    assert log == ["stream", "backend"]


def test_library_for_another_machine_is_skipped_with_its_reason(opener):
    openers = {"tvm": fail_with(BundleMismatchError("made for aarch64")), "onnxruntime": opener}
    with open_engines(openers, skip_missing=False) as engines:
        assert list(engines.streams) == ["onnxruntime"]
        assert engines.skipped == {"tvm": "made for aarch64"}


def test_missing_package_is_skipped_only_by_default(opener):
    openers = {"onnxruntime": opener, "torch": fail_with(MissingDependencyError("torch is missing"))}
    with open_engines(openers, skip_missing=True) as engines:
        assert engines.skipped == {"torch": "torch is missing"}
    with pytest.raises(MissingDependencyError), open_engines(openers, skip_missing=False):
        pass


def test_first_reason_is_told_when_none_can_run():
    openers = {
        "tvm": fail_with(BundleMismatchError("made for aarch64")),
        "onnxruntime": fail_with(MissingDependencyError("onnxruntime is missing")),
    }
    with pytest.raises(BundleMismatchError, match="aarch64"), open_engines(openers, skip_missing=True):
        pass


def test_failure_closes_what_was_open_already(opener):
    log = []
    openers = {"real": lambda: Closing(opener(), log), "broken": fail_with(UsageError("no"))}
    with pytest.raises(UsageError), open_engines(openers, skip_missing=True):
        pass
    assert log == ["stream", "backend"]


def test_every_backend_is_opened_with_the_same_threads(tiny):
    openers = backend_openers(("onnxruntime", "tvm"), tiny, 3)
    assert [(opener.args[0], opener.args[2]) for opener in openers.values()] == [
        ("onnxruntime", 3),
        ("tvm", 3),
    ]
