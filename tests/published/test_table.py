import re

import pytest

from tsm_edge.errors import UnknownModelError
from tsm_edge.labels import DATASETS
from tsm_edge.published import PUBLISHED, get_published
from tsm_edge.published.table import _TABLE


def test_names_and_files_are_unique():
    assert list(PUBLISHED) == [entry.name for entry in _TABLE]
    assert len({entry.file_name for entry in _TABLE}) == len(_TABLE)


@pytest.mark.parametrize("entry", _TABLE, ids=lambda entry: entry.name)
class TestEveryEntry:
    def test_name_can_be_typed_and_is_no_file(self, entry):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", entry.name)

    def test_file_name_stays_in_its_folder(self, entry):
        assert re.fullmatch(r"\w+\.pth(\.tar)?", entry.file_name)

    def test_hashes_have_their_length(self, entry):
        assert re.fullmatch(r"([0-9a-f]{40})?", entry.git_blob)
        assert re.fullmatch(r"([0-9a-f]{64})?", entry.sha256)

    def test_every_mirror_is_asked_under_tls(self, entry):
        assert len(entry.urls) == 3
        assert all(url.startswith("https://") and url.endswith(f"/{entry.file_name}") for url in entry.urls)

    def test_dataset_tells_the_classes(self, entry):
        assert entry.dataset in DATASETS
        assert entry.name.startswith(entry.dataset.split("-")[0])


def test_the_online_demos_network_is_known_by_its_content():
    entry = get_published("jester-mobilenetv2-online")
    assert entry.git_blob == "564d915d8207b4edcc079b9711ce33c9c9a040d1"


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownModelError) as caught:
        get_published("jester")
    assert all(name in str(caught.value) for name in PUBLISHED)
