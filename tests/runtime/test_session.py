import gc
import threading

import numpy as np
import pytest

from tsm_edge.errors import BundleError, UsageError
from tsm_edge.runtime import Session

FRAME = np.zeros((20, 20, 3), np.uint8)


def test_spec_is_the_bundles(session):
    assert session.spec == session.bundle.manifest.model
    assert session.backend.name == "onnxruntime"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"backend": "tensorrt"}, "tvm, onnxruntime, torch"), ({"threads": 0}, "0 threads")],
)
def test_wrong_arguments_are_named(tiny_path, arguments, words):
    with pytest.raises(UsageError, match=words):
        Session.load(tiny_path, **{"backend": "onnxruntime", **arguments})


def test_threads_default_to_the_bundles(tiny_path):
    with Session.load(tiny_path, backend="onnxruntime") as session:
        assert session.backend.threads == session.bundle.manifest.threads
    with Session.load(tiny_path, threads=2, backend="onnxruntime") as session:
        assert session.backend.threads == 2


def test_no_bundle_is_said(tmp_path):
    with pytest.raises(BundleError, match="no bundle"):
        Session.load(tmp_path / "nothing", backend="onnxruntime")


def test_closing_closes_the_streams(session):
    stream = session.open_stream()
    session.close()
    session.close()
    with pytest.raises(UsageError, match="stream is closed"):
        stream.step(FRAME)
    with pytest.raises(UsageError, match="session is closed"):
        session.open_stream()


def test_forgotten_stream_is_freed(session):
    stream = session.open_stream()
    (inner,) = stream._memories
    del stream
    gc.collect()
    assert inner.state() == ()


def test_session_may_be_forgotten_before_its_stream(tiny_path):
    stream = Session.load(tiny_path, backend="onnxruntime").open_stream()
    gc.collect()
    assert stream.step(FRAME).frame == 0


def test_closing_waits_for_frames_in_other_threads(tiny_path):
    session = Session.load(tiny_path, backend="onnxruntime")
    started = threading.Event()
    outcome: list[str] = []

    def work() -> None:
        stream = session.open_stream()
        try:
            while True:
                stream.step(FRAME)
                started.set()
        except UsageError as error:
            outcome.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    session.close()
    thread.join()
    assert outcome == ["this stream is closed; open another one with session.open_stream()"]
