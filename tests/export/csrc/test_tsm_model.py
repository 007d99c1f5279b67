"""Models by options: from a path or memory, on which device and processors; and what the library says of itself."""

import ctypes
import json
import os

import msgspec
import numpy as np
import pytest
from c_interface import AFFINITY_BIG_FIRST, DEVICES, STATUSES, Info, Options, c_library, pointer

from tsm_edge.bundle import LIBRARY, WEIGHTS, Bundle

MESSAGE_BYTES = 200


@pytest.fixture(scope="module")
def library(compiled_path):
    return c_library(compiled_path / LIBRARY)


@pytest.fixture(scope="module")
def info(library):
    info = Info()
    assert library.tsm_get_info(ctypes.byref(info)) == 0
    return info


@pytest.fixture(scope="module")
def path(compiled_path):
    return os.fsencode(compiled_path / WEIGHTS)


@pytest.fixture
def open_with(library):
    """Open a model with these options: its handle, or None, with the status and the message."""
    opened = []

    def open_with_(**options):
        model, message = ctypes.c_void_p(1), ctypes.create_string_buffer(b"untouched", MESSAGE_BYTES)
        options = {"message": ctypes.cast(message, ctypes.c_char_p), "message_bytes": MESSAGE_BYTES} | options
        status = library.tsm_model_open_with(ctypes.byref(Options(**options)), ctypes.byref(model))
        if model:
            opened.append(model)
        return model if model else None, status, message.value.decode()

    yield open_with_
    for model in opened:
        library.tsm_model_close(model)


@pytest.fixture
def answers(library, info):
    """What a model says to three frames of noise."""

    def answers_(model):
        stream, rng = ctypes.c_void_p(), np.random.default_rng(0)
        assert library.tsm_stream_create(model, ctypes.byref(stream)) == 0
        logits = np.zeros((3, info.num_classes), np.float32)
        for row in logits:
            frame = rng.standard_normal((3, info.height, info.width), np.float32)
            assert library.tsm_stream_step(stream, pointer(frame), pointer(row)) == 0
        library.tsm_stream_destroy(stream)
        return logits

    return answers_


def weights_in_memory(path, offset):
    """The weights, so many bytes behind a multiple of 64."""
    content = np.fromfile(os.fsdecode(path), np.uint8)
    room = np.zeros(content.size + 128, np.uint8)
    start = -room.ctypes.data % 64 + offset
    room[start : start + content.size] = content
    return room[start : start + content.size]


@pytest.mark.parametrize("offset", [0, 1, 32])
def test_weights_from_memory_are_weights_from_a_path(library, path, open_with, answers, offset):
    expected = answers(open_with(weights_path=path, num_threads=1)[0])
    weights = weights_in_memory(path, offset)
    model, status, message = open_with(weights=weights.ctypes.data, weight_bytes=weights.size)
    assert (status, message) == (0, "")
    np.testing.assert_array_equal(answers(model), expected)
    plain = ctypes.c_void_p()
    assert library.tsm_model_open_memory(weights.ctypes.data, weights.size, 2, ctypes.byref(plain)) == 0
    np.testing.assert_array_equal(answers(plain), expected)
    library.tsm_model_close(plain)


@pytest.mark.parametrize("affinity", [0, AFFINITY_BIG_FIRST])
@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("threads", [0, 1, 2, 4, 64])
def test_options_change_no_answer(library, path, open_with, answers, threads, device, affinity):
    before = os.sched_getaffinity(0)
    given = {"num_threads": threads, "device": DEVICES[device], "affinity": affinity}
    model, status, message = open_with(weights_path=path, **given)
    assert (status, message) == (0, "")
    assert library.tsm_model_device(model) == b"cpu"
    plain = open_with(weights_path=path, num_threads=1)[0]
    np.testing.assert_array_equal(answers(model), answers(plain))
    assert os.sched_getaffinity(0) == before


def test_calls_of_a_model_on_the_processor_are_the_librarys(library, path, open_with):
    model, info = open_with(weights_path=path)[0], Info()
    library.tsm_get_info(ctypes.byref(info))
    assert library.tsm_model_num_calls(model) == info.num_calls > 0
    names = [library.tsm_model_call_name(model, index) for index in range(info.num_calls)]
    assert names == [library.tsm_call_name(index) for index in range(info.num_calls)]
    assert all(names)
    for index in (-1, info.num_calls):
        assert library.tsm_model_call_name(model, index) is None
    assert library.tsm_model_call_name(None, 0) is None
    assert library.tsm_model_num_calls(None) == STATUSES["argument"]


def test_gpu_that_the_library_knows_nothing_of(path, open_with):
    model, status, message = open_with(weights_path=path, device=DEVICES["gpu"])
    assert (model, status) == (None, STATUSES["device"])
    assert message == "this library has no kernels for a GPU; compile the bundle for a target with one"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_threads": -1}, "num_threads"),
        ({"num_threads": 65}, "num_threads"),
        ({"device": -1}, "device"),
        ({"device": 3}, "device"),
        ({"affinity": 2}, "affinity"),
        ({"affinity": -1}, "affinity"),
        ({"weights_path": None}, "weights_path"),
        ({"weights": 64, "weight_bytes": 64}, "one of both"),
        ({"size": 0}, "untouched"),
        ({"size": ctypes.sizeof(Options) + 8}, "untouched"),
        ({"message_bytes": 0}, "untouched"),
        ({"message_bytes": -1}, "untouched"),
    ],
    ids=str,
)
def test_options_that_cannot_be(path, open_with, options, said):
    model, status, message = open_with(**({"weights_path": path} | options))
    assert (model, status) == (None, STATUSES["argument"])
    assert said in message


def test_null_options_and_models(library, path):
    model = ctypes.c_void_p()
    assert library.tsm_model_open_with(None, ctypes.byref(model)) == STATUSES["argument"]
    assert library.tsm_model_open_with(ctypes.byref(Options(weights_path=path)), None) == STATUSES["argument"]
    assert library.tsm_model_open_memory(None, 64, 1, ctypes.byref(model)) == STATUSES["argument"]
    assert library.tsm_model_device(None) is None


def test_nobody_need_listen(library, path, tmp_path):
    model = ctypes.c_void_p()
    missing = Options(weights_path=os.fsencode(tmp_path / "none"))
    assert library.tsm_model_open_with(ctypes.byref(missing), ctypes.byref(model)) == STATUSES["file"]
    assert not model


def test_message_names_the_file(open_with, tmp_path):
    model, status, message = open_with(weights_path=os.fsencode(tmp_path / "none"))
    assert (model, status) == (None, STATUSES["file"])
    assert f"cannot open {tmp_path}/none; give the path" in message


def test_long_message_is_cut(open_with):
    _, _, message = open_with(weights_path=b"/nowhere" * 100)
    assert len(message) == MESSAGE_BYTES - 1
    assert message.startswith("cannot open /nowhere/nowhere")


@pytest.mark.parametrize("change", [-1, 1, -64, -(2**62)])
def test_weights_of_another_size(path, open_with, info, change):
    weights = weights_in_memory(path, 0)
    model, status, message = open_with(weights=weights.ctypes.data, weight_bytes=weights.size + change)
    assert (model, status) == (None, STATUSES["size"])
    assert f"{weights.size + change} bytes, this library expects {info.weight_bytes}" in message


def test_metadata_is_the_manifests(library, compiled_path):
    said = library.tsm_metadata_json().decode("ascii")
    manifest = msgspec.to_builtins(Bundle.open(compiled_path).manifest)
    manifest["weights_note"] = Bundle.open(compiled_path).manifest.model.weights_note
    fields = json.loads(said)
    assert set(fields) == {"weights_note", "model", "target", "precision", "threads", "abi_version"}
    # Through JSON, as tuples become lists there.
    assert fields == json.loads(json.dumps({name: manifest[name] for name in fields}))
