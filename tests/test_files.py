import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tsm_edge import files
from tsm_edge.errors import OutputError
from tsm_edge.files import directory_written_aside, file_written_aside

linux_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux to mount a small disk"
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestFile:
    def test_appears_complete_with_usual_permissions(self, tmp_path):
        path = tmp_path / "new" / "model.onnx"
        with file_written_aside(path) as aside:
            assert (aside.parent, aside.suffix) == (path.parent, ".onnx")
            aside.write_text("whole")
            assert not path.exists()
        assert path.read_text() == "whole"
        (tmp_path / "usual").touch()
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)
        assert names(path.parent) == ["model.onnx"]

    def test_failure_keeps_the_old_one(self, tmp_path):
        path = tmp_path / "out.json"
        path.write_text("old")
        with pytest.raises(ZeroDivisionError), file_written_aside(path) as aside:
            aside.write_text("half")
            raise ZeroDivisionError
        assert path.read_text() == "old"
        assert names(tmp_path) == ["out.json"]

    def test_folder_in_the_way(self, tmp_path):
        (tmp_path / "out.json").mkdir()
        with pytest.raises(OutputError, match="Is a directory"), file_written_aside(tmp_path / "out.json"):
            pass
        assert names(tmp_path) == ["out.json"]

    def test_file_in_the_place_of_the_parent(self, tmp_path):
        (tmp_path / "dist").touch()
        with pytest.raises(OutputError, match=r"cannot write .*; make room or choose"):
            with file_written_aside(tmp_path / "dist" / "out.json"):
                pytest.fail("the block must not run")

    def test_pipe_is_written_and_not_replaced(self, tmp_path):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        with file_written_aside(pipe) as path:
            path.write_text("through")
        assert os.read(reader, 100) == b"through"
        os.close(reader)
        assert stat.S_ISFIFO(pipe.stat().st_mode)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_full_device(self):
        with pytest.raises(OutputError, match="No space left on device"):
            with file_written_aside(Path("/dev/full")) as path:
                path.write_text("x")


class TestDirectory:
    @pytest.mark.parametrize("swap", [True, False], ids=["swap", "step aside"])
    def test_replaces_a_bundle(self, bundle_path, monkeypatch, swap):
        if not swap:
            monkeypatch.setattr(files, "_swapped", lambda *_: False)
        with directory_written_aside(bundle_path) as aside:
            (aside / "manifest.json").write_text("new")
            assert len(names(bundle_path)) == 4
        assert names(bundle_path) == ["manifest.json"]
        assert names(bundle_path.parent) == ["bundle"]

    @pytest.mark.parametrize("empty_folder_there", [True, False])
    def test_makes_a_folder(self, tmp_path, empty_folder_there):
        path = tmp_path / "a" / "b"
        if empty_folder_there:
            path.mkdir(parents=True)
        with directory_written_aside(path) as aside:
            (aside / "inner").mkdir()
            (aside / "inner" / "file").touch()
        assert (path / "inner" / "file").is_file()
        assert names(tmp_path / "a") == ["b"]
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "a").stat().st_mode)

    def test_failure_keeps_the_old_one(self, bundle_path):
        before = names(bundle_path)
        with pytest.raises(KeyboardInterrupt), directory_written_aside(bundle_path) as aside:
            (aside / "half").touch()
            raise KeyboardInterrupt
        assert names(bundle_path) == before
        assert names(bundle_path.parent) == ["bundle"]

    def test_will_not_replace_other_peoples_files(self, tmp_path, monkeypatch):
        (tmp_path / "thesis.tex").write_text("years of work")
        monkeypatch.chdir(tmp_path)
        for path in (tmp_path, Path()):
            with pytest.raises(OutputError, match=r"it holds files and no manifest\.json"):
                with directory_written_aside(path):
                    pytest.fail("the block must not run")
        assert (tmp_path / "thesis.tex").read_text() == "years of work"

    def test_will_not_replace_a_file(self, tmp_path):
        (tmp_path / "bundle").touch()
        with pytest.raises(OutputError, match="a file of that name is in the way"):
            with directory_written_aside(tmp_path / "bundle"):
                pytest.fail("the block must not run")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.decode().strip()}")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


@linux_root
def test_full_disk_leaves_the_old_bundle(small_disk):
    path = small_disk / "bundle"
    with directory_written_aside(path) as aside:
        (aside / "manifest.json").write_text("old")
    with pytest.raises(OutputError, match="No space left on device"):
        with directory_written_aside(path) as aside:
            (aside / "weights.bin").write_bytes(bytes(1 << 20))
    assert (path / "manifest.json").read_text() == "old"
    assert names(small_disk) == ["bundle"]


@linux_root
def test_read_only_parent(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for written_aside in (file_written_aside, directory_written_aside):
        with pytest.raises(OutputError, match="Read-only file system"):
            with written_aside(small_disk / "result"):
                pytest.fail("the block must not run")


WRITER = """
    import sys, time
    from pathlib import Path
    from tsm_edge.files import directory_written_aside, file_written_aside

    folder = Path(sys.argv[1])
    with directory_written_aside(folder / "bundle") as bundle, file_written_aside(folder / "out.json") as out:
        (bundle / "manifest.json").write_text("new")
        out.write_text("new")
        print("written", flush=True)
        while True:  # a signal just before one long wait would only be seen after it
            time.sleep(0.01)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_kill_in_the_middle_leaves_the_old_result(tmp_path, how):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("old")
    (tmp_path / "out.json").write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(how)
        assert writer.wait() == -how
    assert (tmp_path / "bundle" / "manifest.json").read_text() == "old"
    assert (tmp_path / "out.json").read_text() == "old"
    if how == signal.SIGINT:  # the kernel lets nobody clean up after SIGKILL
        assert names(tmp_path) == ["bundle", "out.json"]
