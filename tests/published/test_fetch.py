"""Downloading from a real server on this machine that stalls, cuts, lies and sends on in circles."""

import hashlib
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mirror_server import Mirror, serving

from tsm_edge.errors import CheckpointError, FetchError, OutputError, UsageError
from tsm_edge.published import PUBLISHED, fetch, fetched_path, is_fetched
from tsm_edge.published.download import ATTEMPTS, http_client
from tsm_edge.published.store import identify

# Begins as torch's old format does.
CONTENT = b"\x80\x02" + random.Random(7).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
# A server on this machine that says nothing for that long says nothing any more.
SILENCE_S = 0.3


@pytest.fixture
def mirror():
    with serving(Mirror(CONTENT)) as served:
        yield served


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def entry(mirror):
    """A checkpoint whose content is known; served well unless a test says otherwise."""
    known = replace(PUBLISHED["jester-mobilenetv2-online"], git_blob=git_blob(CONTENT))
    return replace(known, mirrors=(mirror.url("good"),))


@pytest.fixture
def unknown(mirror):
    """A checkpoint of whose content nothing is known."""
    return replace(PUBLISHED["kinetics-resnet50-8f"], mirrors=(mirror.url("good"),))


def git_blob(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def fetched(entry, cache, *hows, mirror=None, **options):
    if hows:
        entry = replace(entry, mirrors=tuple(mirror.url(how) for how in hows))
    return fetch(entry, directory=cache, client=http_client(SILENCE_S), **options)


def refused(error, *arguments, **options):
    with pytest.raises(error) as caught:
        fetched(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def in_cache(cache):
    return sorted(path.name for path in cache.iterdir() if path.name not in ("lock", "partial"))


def test_file_arrives_whole_and_is_found_again(entry, cache, mirror):
    told = []
    path = fetched(entry, cache, on_progress=lambda done, total: told.append((done, total)))
    assert path == cache / entry.file_name == fetched_path(entry, cache)
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert is_fetched(entry, cache)
    assert fetched(entry, cache) == path
    assert len(mirror.asked) == 1, "what is here is not asked for"
    assert in_cache(cache) == [entry.file_name]
    assert list((cache / "partial").iterdir()) == []


def test_git_agrees_on_the_name_of_the_content(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    said = subprocess.run(
        ["git", "hash-object", tmp_path / "file"], capture_output=True, text=True, check=True
    )
    assert identify(tmp_path / "file").git_blob == said.stdout.strip() == git_blob(CONTENT)


def test_download_that_is_cut_goes_on_where_it_was(entry, cache, mirror):
    path = fetched(entry, cache, "cuts", "good", mirror=mirror)
    assert path.read_bytes() == CONTENT
    begins = [int(asked.removeprefix("bytes=").rstrip("-") or 0) for _, asked in mirror.asked]
    assert len(begins) == ATTEMPTS + 1
    assert begins == sorted(set(begins)), "each request asks for less"


def test_next_run_goes_on_too(entry, cache, mirror):
    said = refused(FetchError, entry, cache, "cuts", mirror=mirror)
    assert "breaks off" in said
    assert in_cache(cache) == []
    arrived = (cache / "partial" / entry.file_name).stat().st_size
    assert fetched(entry, cache).read_bytes() == CONTENT
    assert mirror.asked[-1][1] == f"bytes={arrived}-"


def test_what_arrived_of_another_content_is_not_mixed_in(entry, cache, mirror):
    refused(FetchError, entry, cache, "cuts", mirror=mirror)
    part = cache / "partial" / entry.file_name
    part.write_bytes(bytes(len(part.read_bytes())))
    assert fetched(entry, cache).read_bytes() == CONTENT
    assert [asked != "" for _, asked in mirror.asked[-2:]] == [True, False]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("stalls", "stalls"),
        ("cuts", "breaks off"),
        ("lies", "sent something else"),
        ("short", "sent something else"),
        ("long", "breaks off"),
        ("endless", "more than any published network has"),
        ("page", "sent a web page instead of the file"),
        ("plainpage", "sent something else"),
        ("gone", "answered 404 Not Found"),
        ("broken", "answered 500"),
        ("loops", "redirects more than 5 times"),
        ("escapes", "cannot be asked"),
        ("zipped", "an encoding that nobody asked for"),
        ("elsewhere", "another part of the file"),
        ("garbage", "breaks off"),
    ],
)
def test_bad_mirror_is_named_and_the_next_one_asked(entry, cache, mirror, how, said):
    assert said in refused(FetchError, entry, cache, how, mirror=mirror)
    assert in_cache(cache) == []
    assert fetched(entry, cache, how, "good", mirror=mirror).read_bytes() == CONTENT


@pytest.mark.parametrize("how", ["moved", "chunked", "lengthless", "whole"])
def test_harmless_ways_of_sending(entry, cache, mirror, how):
    assert fetched(entry, cache, how, mirror=mirror).read_bytes() == CONTENT


def test_mirror_of_the_users_own_is_asked_first(entry, cache, mirror):
    fetched(entry, cache, "gone", mirror=mirror, urls=[mirror.url("good") + "copy"])
    assert [path for path, _ in mirror.asked] == ["/good/copy"]


def test_without_a_network_there_is_one_clear_line(entry, cache):
    nowhere = replace(entry, mirrors=("http://127.0.0.1:9/a/", "http://127.0.0.1:9/b/"))
    said = refused(FetchError, nowhere, cache)
    assert said == f"cannot fetch {entry.name}: no connection to 127.0.0.1:9; is there a network?"


# Where nobody knows what the content must be.


def test_unknown_content_is_taken_on_request_alone(unknown, cache, mirror):
    assert "--sha256" in refused(UsageError, unknown, cache)
    assert mirror.asked == []
    path = fetched(unknown, cache, unverified=True)
    assert path.read_bytes() == CONTENT
    assert in_cache(cache) == [unknown.file_name, f"{unknown.file_name}.sha256"]
    assert fetched_path(unknown, cache) == path


def test_hash_that_the_user_knows_is_held_against_it(unknown, cache, mirror):
    assert "no SHA-256" in refused(UsageError, unknown, cache, sha256="abc")
    assert fetched(unknown, cache, sha256=SHA256.upper()).read_bytes() == CONTENT
    other = hashlib.sha256(b"other").hexdigest()
    assert "sent something else" in refused(FetchError, unknown, cache, sha256=other)
    assert fetched_path(unknown, cache).read_bytes() == CONTENT, "the older copy stays"


@pytest.mark.parametrize("how", ["plainpage", "lengthless", "page", "cuts"])
def test_unknown_content_must_at_least_be_whole_and_a_checkpoint(unknown, cache, mirror, how):
    refused(FetchError, unknown, cache, how, mirror=mirror, unverified=True)
    assert in_cache(cache) == []


def test_rest_of_unknown_content_comes_from_the_same_content_alone(unknown, cache, mirror):
    refused(FetchError, unknown, cache, "cuts", mirror=mirror, unverified=True)
    mirror.etag = '"two"'
    assert fetched(unknown, cache, unverified=True).read_bytes() == CONTENT
    assert mirror.asked[-1][1] == "", "of another mirror's part the rest is not asked for"


# What is in the cache.


def test_altered_copy_is_not_used_and_fetched_again(entry, cache, mirror):
    path = fetched(entry, cache)
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(CheckpointError, match="is not what was fetched"):
        fetched_path(entry, cache)
    assert fetched(entry, cache).read_bytes() == CONTENT


def test_missing_copy_says_how_to_get_one(entry, cache):
    with pytest.raises(CheckpointError, match=f"run `tsm-edge fetch {entry.name}`"):
        fetched_path(entry, cache)


def test_folder_that_cannot_be_written(entry, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot write the cache" in refused(OutputError, entry, tmp_path / "file" / "checkpoints")


def test_two_processes_download_once(entry, cache, mirror):
    script = Path(__file__).with_name("fetch_in_a_process.py")
    command = [sys.executable, script, mirror.url("good"), entry.git_blob, cache]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {process.communicate(timeout=60)[0].strip() for process in both} == {str(cache / entry.file_name)}
    assert [process.returncode for process in both] == [0, 0]
    assert len(mirror.asked) == 1
