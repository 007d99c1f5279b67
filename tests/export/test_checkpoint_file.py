import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.errors import CheckpointError
from tsm_edge.export.checkpoint_file import EXPECTED, read_checkpoint_file

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
READABLE = {
    "zip": lambda path: torch.save(TENSORS, path),
    "legacy": lambda path: torch.save(TENSORS, path, _use_new_zipfile_serialization=False),
    "wrapped": lambda path: torch.save({"epoch": 3, "state_dict": TENSORS}, path),
    "safetensors": lambda path: safetensors.torch.save_file(TENSORS, path),
}


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def refused(path):
    """The one line that a file is answered with."""
    with pytest.raises(CheckpointError) as failure:
        read_checkpoint_file(path)
    message = str(failure.value)
    assert str(path) in message
    assert message.endswith(EXPECTED)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", READABLE)
def test_tensors_are_read_whatever_wrote_them(tmp_path, kind):
    READABLE[kind](tmp_path / "x")
    file = read_checkpoint_file(tmp_path / "x")
    assert file.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensor, TENSORS[name]) for name, tensor in file.tensors.items())


def test_metadata_of_safetensors_is_read(tmp_path):
    safetensors.torch.save_file(TENSORS, tmp_path / "x", {"key": "value"})
    assert read_checkpoint_file(tmp_path / "x").metadata == {"key": "value"}


@pytest.mark.parametrize("kind", READABLE)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path, kind, share):
    path = tmp_path / "x"
    READABLE[kind](path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "is empty" in refused(path) if share == 0 else "is truncated or no" in refused(path)


@pytest.mark.parametrize("use_zip", [True, False])
@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: {"state_dict": x}, lambda x: {"state_dict": {"a": x}}]
)
def test_a_malicious_pickle_is_not_executed(tmp_path, use_zip, wrap):
    content = wrap(Malicious(tmp_path / "executed"))
    torch.save(content, tmp_path / "x", _use_new_zipfile_serialization=use_zip)
    assert f"it asks to run {os.name}.mkdir, which was refused" in refused(tmp_path / "x")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_malicious_pickle_is_not_executed(tmp_path, protocol):
    (tmp_path / "x").write_bytes(pickle.dumps(Malicious(tmp_path / "executed"), protocol))
    refused(tmp_path / "x")
    assert not (tmp_path / "executed").exists()


def test_missing_files_and_folders_are_named(tmp_path):
    assert "No such file" in refused(tmp_path / "absent.pth")
    assert "Is a directory" in refused(tmp_path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x"
    path.write_text("import torch\n")
    refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.txt", "sun")
    refused(path)
    path.write_bytes((2).to_bytes(8, "little") + b"{}")
    read_checkpoint_file(path)  # an empty safetensors file is one; its network is asked about later


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "x"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize(
    "content", [[torch.ones(1)], {}, {"state_dict": {}}, {"state_dict": None}, torch.ones(2), 3]
)
def test_what_has_no_named_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x")
    assert "holds no named tensors" in refused(tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "value"), [("lr", 0.1), (3, torch.ones(1)), ("optimizer", {"a": torch.ones(1)})]
)
def test_what_is_no_tensor_is_named(tmp_path, name, value):
    torch.save({**TENSORS, name: value}, tmp_path / "x")
    assert f"{name!r} is a {type(value).__name__}, no tensor" in refused(tmp_path / "x")


@pytest.mark.parametrize(
    "tensor",
    [torch.ones(1).expand(10**9), torch.ones(2, 2).to_sparse(), torch.ones(3, device="meta")],
    ids=["expanded", "sparse", "meta"],
)
def test_tensors_that_claim_more_than_they_hold_are_refused(tmp_path, tensor):
    torch.save({"a.weight": tensor}, tmp_path / "x")
    assert "a.weight is sparse, quantized or without data" in refused(tmp_path / "x")


def test_safetensors_header_that_lies_is_refused(tmp_path):
    header = {"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + np.ones(1, np.float32).tobytes())
    assert "no safetensors file" in refused(tmp_path / "x")
