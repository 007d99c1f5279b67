import hashlib
import json

import pytest
from mirror_server import Mirror, serving

from tsm_edge.published import PUBLISHED

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 64
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "kinetics-resnet50-8f"


@pytest.fixture
def mirror():
    with serving(Mirror(CONTENT)) as served:
        yield served


@pytest.fixture
def run(tsm_edge, tmp_path):
    return lambda *arguments, code=0: tsm_edge(*arguments, code=code, XDG_CACHE_HOME=str(tmp_path))


def test_fetched_checkpoint_lies_in_the_cache_and_in_the_list(run, mirror, tmp_path):
    done = run("fetch", NAME, "--url", mirror.url("moved"), "--sha256", SHA256)
    path = tmp_path / "tsm-edge" / "checkpoints" / PUBLISHED[NAME].file_name
    assert done.stdout == f"{path}\nSHA-256 {SHA256}\n"
    assert not done.stderr
    assert path.read_bytes() == CONTENT
    listed = {entry["name"]: entry for entry in json.loads(run("models", "--json").stdout)}
    assert list(listed) == list(PUBLISHED)
    assert [name for name, entry in listed.items() if entry["fetched"]] == [NAME]


def test_what_nobody_checked_says_so(run, mirror):
    said = run("fetch", NAME, "--url", mirror.url("good"), "--unverified").stdout
    assert f"SHA-256 {SHA256}" in said
    assert "unverified" in said


def test_unknown_content_is_refused_as_wrong_usage(run):
    assert "give --sha256" in run("fetch", NAME, code=2).stderr


def test_checkpoint_that_is_not_here_names_the_command(run):
    done = run("export", "--checkpoint", NAME, "--output", "never.onnx", code=1)
    assert done.stderr == f"tsm-edge: {NAME} is not here yet; run `tsm-edge fetch {NAME}`\n"


def test_list_fits_eighty_columns(run):
    lines = run("models").stdout.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(PUBLISHED)]] == list(PUBLISHED)
    assert max(map(len, lines)) <= 80
