"""What the driver compiled is kept for the next start: beside the bundle, in the user's cache, or not at all."""

import fcntl
import resource
import signal
import stat
from pathlib import Path

import pytest

from tsm_edge.bundle import RUN_TOOL, Bundle

# Kernels compute nothing, so that the logits are wrong and the tool ends with 1: a start is all that is asked for.
DIFFERENT = 1
IDLE = {"MOCK_CUDA_IDLE": 1, "MOCK_CUDA_TELL": "cuLinkComplete"}


@pytest.fixture
def start(gpu, copy):
    """Whether a start had to compile or not."""

    def start_(preexec=None, code=DIFFERENT, **settings):
        command = [copy / RUN_TOOL, copy, "--device", "gpu", "--frames", "1"]
        said = gpu.run(*command, code=code, preexec=preexec, **IDLE, **settings).stderr
        return {"": "killed", "cuLinkComplete 0\n": "kept", "cuLinkComplete 1\n": "compiled"}[said]

    return start_


def kept_in(folder):
    return sorted(path for path in Path(folder).iterdir() if ".cubin" in path.name)


def test_only_the_first_start_compiles(start, copy):
    assert [start(), start(), start()] == ["compiled", "kept", "kept"]
    (kept,) = kept_in(copy)
    assert stat.S_IMODE(kept.stat().st_mode) & 0o022 == 0
    assert Bundle.open(copy).check_files() > 0


def test_another_driver_or_gpu_has_another_file(start, copy):
    first = {"MOCK_CUDA_DRIVER": 10020}
    for other in ({"MOCK_CUDA_DRIVER": 11040}, {"MOCK_CUDA_COMPUTE": 80}):
        start(**first)
        assert start(**other) == "compiled"
        assert (start(**other), start(**first)) == ("kept", "kept")
    assert len(kept_in(copy)) == 3


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _changed(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(bytes(content))


def _of_another_key(path):
    """A whole file, but of kernels for another GPU."""
    content = path.read_bytes()
    path.write_bytes(content[:63] + (b"0" if content[63:64] != b"0" else b"1") + content[64:])


@pytest.mark.parametrize(
    "harm",
    [
        _cut,
        _changed,
        _of_another_key,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"x" * 128),
    ],
    ids=["cut", "changed", "other", "empty", "head"],
)
def test_broken_file_is_made_again(start, copy, harm):
    start()
    (kept,) = kept_in(copy)
    whole = kept.read_bytes()
    harm(kept)
    assert [start(), start()] == ["compiled", "kept"]
    assert kept.read_bytes() == whole


def test_whole_file_that_the_driver_refuses_is_made_again(start):
    start()
    assert start(MOCK_CUDA_FAIL="cuModuleLoadDataEx:1") == "compiled"
    assert start() == "kept"


def test_file_that_cannot_be_read_is_made_again(start, copy):
    start()
    (kept,) = kept_in(copy)
    kept.unlink()
    kept.mkdir()
    assert start() == "compiled"
    assert start() == "kept", "in the user's cache"


@pytest.fixture
def no_place(copy):
    """No file can be made beside the bundle, not even by root: a name that is taken by a folder."""
    for name in ("first", "second"):
        (copy / name).mkdir()

    def block(path):
        path.with_name(path.name + ".part").mkdir()

    return block


def test_users_cache_serves_where_the_bundles_folder_takes_no_file(start, copy, tmp_path, no_place):
    start()
    (kept,) = kept_in(copy)
    kept.unlink()
    no_place(kept)
    assert [start(), start()] == ["compiled", "kept"]
    assert not kept.exists()
    (elsewhere,) = kept_in(tmp_path / "home/cache/tsm-edge")
    assert elsewhere.name == kept.name
    assert stat.S_IMODE(elsewhere.parent.stat().st_mode) == 0o700
    elsewhere.unlink()
    assert [start(XDG_CACHE_HOME=None), start(XDG_CACHE_HOME="relative")] == ["compiled", "kept"]
    assert kept_in(tmp_path / "home/.cache/tsm-edge")


def test_without_any_place_each_start_compiles(start, copy, tmp_path, no_place):
    start()
    (kept,) = kept_in(copy)
    kept.unlink()
    no_place(kept)
    homeless = {"XDG_CACHE_HOME": None, "HOME": None}
    assert [start(**homeless), start(**homeless)] == ["compiled", "compiled"]
    (tmp_path / "file").touch()
    assert start(XDG_CACHE_HOME=tmp_path / "file") == "compiled"


def killed_at(num_bytes):
    """The system ends the process in the middle of a write: as kill -9 at the worst moment."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))

    return limit


def full_disk():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))


@pytest.mark.parametrize("num_bytes", [0, 1, 128, 5000])
def test_start_that_is_killed_while_it_writes_does_no_harm(start, copy, num_bytes):
    assert start(killed_at(num_bytes), code=-signal.SIGXFSZ) == "killed"
    assert not [path for path in kept_in(copy) if path.suffix == ".cubin"]
    assert [start(), start()] == ["compiled", "kept"]
    assert len(kept_in(copy)) == 1, "what was left is used up"


def test_full_disk_costs_the_next_start_its_time_alone(start, copy, tmp_path):
    assert start(full_disk) == "compiled"
    assert kept_in(copy) == kept_in(tmp_path / "home/cache/tsm-edge") == []
    assert start() == "compiled"


def test_two_starts_do_not_write_one_file(start, copy, tmp_path):
    start()
    (kept,) = kept_in(copy)
    kept.unlink()
    with Path(f"{kept}.part").open("w") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        assert start() == "compiled"
        part.write("another process is at it")
    assert not kept.exists()
    assert len(kept_in(tmp_path / "home/cache/tsm-edge")) == 1
    assert Path(f"{kept}.part").read_text() == "another process is at it"
    for elsewhere in kept_in(tmp_path / "home/cache/tsm-edge"):
        elsewhere.unlink()
    assert [start(), start()] == ["compiled", "kept"], "the lock ended with its process"


def test_link_in_place_of_a_file_is_not_followed(start, copy, tmp_path):
    start()
    (kept,) = kept_in(copy)
    kept.unlink()
    (tmp_path / "precious").write_text("kept")
    Path(f"{kept}.part").symlink_to(tmp_path / "precious")
    assert start() == "compiled"
    assert (tmp_path / "precious").read_text() == "kept"
