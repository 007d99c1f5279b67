import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.bundle import Bundle
from tsm_edge.errors import BundleError
from tsm_edge.manifest import MANIFEST_NAME, SCHEMA_VERSION, Manifest, read_manifest, write_manifest


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """One folder for all examples of a property; each overwrites the manifest."""
    return tmp_path_factory.mktemp("manifests")


@pytest.fixture(scope="session")
def text(manifest, folder) -> bytes:
    return write_manifest(manifest, folder).read_bytes()


def test_round_trip(manifest, folder):
    path = write_manifest(manifest, folder)
    assert path == folder / MANIFEST_NAME
    assert read_manifest(folder) == manifest


def test_is_json_that_people_can_read(text):
    assert text.startswith(b'{\n  "')
    assert json.loads(text)["schema_version"] == SCHEMA_VERSION


def test_untrained_weights_are_the_first_thing_it_says(text):
    assert text.decode().splitlines()[1] == '  "weights_note": "untrained weights",'


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("schema_version", SCHEMA_VERSION + 1, "has schema version 2, this tsm-edge reads 1"),
        ("schema_version", None, "has schema version None"),
        ("threads", 0, "threads"),
        ("precision", 32, "precision"),
        ("files", {"a": {"size_bytes": 1, "sha256": "short"}}, "sha256"),
        ("files", {"a": {"size_bytes": -1, "sha256": "0" * 64}}, "size_bytes"),
    ],
)
def test_wrong_field_is_named(manifest, folder, field, value, complaint):
    change(manifest, folder, lambda fields: fields.update({field: value}))
    with pytest.raises(BundleError, match="compile the bundle again") as caught:
        read_manifest(folder)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("field", ["model", "target", "files", "kernels", "abi_version"])
def test_missing_field_is_named(manifest, folder, field):
    change(manifest, folder, lambda fields: fields.pop(field))
    with pytest.raises(BundleError, match=f"missing required field `{field}`"):
        read_manifest(folder)


def test_labels_and_classes_must_agree(manifest, folder):
    change(manifest, folder, lambda fields: fields["model"]["labels"].append("one too many"))
    with pytest.raises(BundleError, match="3 labels for 2 classes"):
        read_manifest(folder)


def test_crop_must_fit_the_picture(manifest, folder):
    change(manifest, folder, lambda fields: fields["model"]["preprocess"].update(crop_size=300))
    with pytest.raises(BundleError, match="crop_size 300 exceeds resize_short_side 256"):
        read_manifest(folder)


def test_no_bundle_computes_optical_flow(manifest, folder):
    change(manifest, folder, lambda fields: fields["model"]["preprocess"].update(flow={}))
    with pytest.raises(
        BundleError, match="sees optical flow, which no bundle computes; compile the bundle again"
    ):
        read_manifest(folder)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"\xff\xfe", b'{"schema_version": 1}', b"[" * 100_000]
)
def test_what_is_no_manifest(folder, content):
    (folder / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json is broken"):
        read_manifest(folder)


def test_folder_without_manifest(tmp_path):
    with pytest.raises(BundleError, match=r"is not a bundle: manifest\.json No such file"):
        read_manifest(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(BundleError, match="not a directory; make one with `tsm-edge compile`"):
        read_manifest(tmp_path / "nowhere")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_any_changed_value_is_read_or_refused(manifest, folder, data):
    fields = json.loads(msgspec.json.encode(manifest))
    parent, key = data.draw(st.sampled_from(list(places(fields))))
    parent[key] = data.draw(json_values)
    assert_read_or_refused(folder, json.dumps(fields).encode())


@given(data=st.data())
def test_any_file_list_is_checked_or_refused(manifest, folder, data):
    fields = msgspec.to_builtins(manifest)
    record = {"size_bytes": data.draw(st.integers(0, 9)), "sha256": "0" * 64}
    fields["files"] = {data.draw(st.text(max_size=300)): record}
    assert_read_or_refused(folder, json.dumps(fields).encode())


@given(cut=st.floats(0, 1), flipped=st.integers(1, 255))
def test_damaged_bytes_are_read_or_refused(text, folder, cut, flipped):
    place = int(cut * (len(text) - 1))
    assert_read_or_refused(folder, text[:place])
    assert_read_or_refused(folder, text[:place] + bytes([text[place] ^ flipped]) + text[place + 1 :])


def assert_read_or_refused(folder, content: bytes) -> None:
    (folder / MANIFEST_NAME).write_bytes(content)
    try:
        bundle = Bundle.open(folder)
    except BundleError as error:
        assert str(folder) in str(error)
    else:
        assert isinstance(bundle.manifest, Manifest)


def places(value: object):
    """Every (container, key) below a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from places(inner)


def change(manifest, folder, how) -> None:
    fields = json.loads(msgspec.json.encode(manifest))
    how(fields)
    (folder / MANIFEST_NAME).write_text(json.dumps(fields))
