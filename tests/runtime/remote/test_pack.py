"""The archive as a device gets it: unpacked by tar, installed by the plainest shell."""

import os
import shutil
import subprocess
import tarfile

import pytest
from remote_machines import rewritten

from tsm_edge.bundle import LIBRARY, LITE, RUN_TOOL, WEIGHTS, Bundle
from tsm_edge.errors import BundleError, OutputError, UsageError
from tsm_edge.manifest import MANIFEST_NAME
from tsm_edge.runtime.remote import pack_bundle
from tsm_edge.targets import TARGETS

SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell[0]), reason=f"{shell[0]} is missing"))
    for shell in (["dash"], ["bash", "--posix"], ["busybox", "sh"])
]


@pytest.fixture(scope="module")
def archive(compiled_path, tmp_path_factory):
    return pack_bundle(compiled_path, tmp_path_factory.mktemp("pack") / "small.tar.gz")


@pytest.fixture
def unpacked(archive, compiled_path, tmp_path):
    """The folder that tar makes, in a place with a space in its name."""
    place = tmp_path / "a place"
    place.mkdir()
    subprocess.run(["tar", "xzf", archive, "-C", place], check=True)
    return place / compiled_path.name


@pytest.fixture
def install(request, tmp_path):
    """Run the installer of `folder`, by default `unpacked`, with programs of `fakes` before the real ones."""
    fakes = tmp_path / "fakes"
    fakes.mkdir()

    def run(*arguments, shell=("dash",), code=0, folder=None, **scripts):
        folder = folder or request.getfixturevalue("unpacked")
        for name, script in scripts.items():
            (fakes / name).write_text(f"#!/bin/sh\n{script}\n")
            (fakes / name).chmod(0o755)
        environment = os.environ | {"HOME": str(tmp_path / "home"), "PATH": f"{fakes}:{os.environ['PATH']}"}
        command = [*shell, folder / "install.sh", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == code, done.stderr
        return done

    return run


def test_the_same_bundle_gives_the_same_bytes(archive, compiled_path, tmp_path):
    copy = shutil.copytree(compiled_path, tmp_path / compiled_path.name)
    (copy / "notes.txt").write_text("not the manifest's")
    assert pack_bundle(copy) == tmp_path / f"{copy.name}.tar.gz"
    assert (tmp_path / f"{copy.name}.tar.gz").read_bytes() == archive.read_bytes()


def test_members_carry_no_owner_and_no_time(archive, compiled_path):
    with tarfile.open(archive) as tar:
        members = {member.name.partition("/")[2]: member for member in tar}
    names = {f"bundle/{name}" for name in (*Bundle.open(compiled_path).manifest.files, MANIFEST_NAME)}
    assert set(members) == names | {"install.sh", "SHA256SUMS"}
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 0)}
    executables = {name for name, member in members.items() if member.mode == 0o755}
    assert executables == {"install.sh", f"bundle/{RUN_TOOL}", f"bundle/{LITE}"}


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_installing_where_nobody_said(install, shell, tmp_path, compiled_path):
    said = install(shell=shell).stdout
    place = tmp_path / "home" / "tsm-edge" / compiled_path.name
    assert Bundle.open(place).check_files()
    assert "golden stream equal" in said
    assert f"installed in {place}" in said
    following = said.splitlines()[-2].removeprefix("next: ")
    assert subprocess.run(following, shell=True, capture_output=True).returncode == 0
    assert [path.name for path in place.parent.iterdir()] == [place.name]


NO_LINKS = {True: {}, False: {"ln": "exit 1"}}
MODULE = f"android/src/main/assets/tsm_edge/{WEIGHTS}"


@pytest.fixture
def doubled(compiled_path, tmp_path):
    """A bundle with its weights at a second place, as those for Android have them."""
    path = shutil.copytree(compiled_path, tmp_path / "doubled")
    (path / MODULE).parent.mkdir(parents=True)
    shutil.copyfile(path / WEIGHTS, path / MODULE)
    return rewritten(path)


@pytest.mark.parametrize("has_links", [True, False])
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_what_a_bundle_has_twice_travels_once(doubled, install, shell, has_links, tmp_path):
    archive = pack_bundle(doubled.path, tmp_path / "archive.tar.gz")
    place = tmp_path / "unpacked"
    place.mkdir()
    subprocess.run(["tar", "xzf", archive, "-C", place], check=True)
    bundle = place / "doubled" / "bundle"
    # The module can be taken out of the archive as it is.
    assert (bundle / MODULE).read_bytes() == (doubled.path / WEIGHTS).read_bytes()
    assert not (bundle / WEIGHTS).exists()
    install("--prefix", tmp_path / "installed", shell=shell, folder=place / "doubled", **NO_LINKS[has_links])
    assert Bundle.open(tmp_path / "installed").check_files()
    assert (tmp_path / "installed" / WEIGHTS).samefile(tmp_path / "installed" / MODULE) == has_links


def test_installing_again_replaces_the_old_bundle(install, tmp_path):
    place = tmp_path / "with space" / "bundle"
    install("--prefix", f"{place}/")
    (place / LIBRARY).write_bytes(b"old")
    install(f"--prefix={place}")
    assert Bundle.open(place).check_files()
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize(
    ("scripts", "message"),
    [
        ({"uname": "echo armv7l"}, "processor; this one is armv7l"),
        ({"df": "echo size; echo 'disk 100 90 10 90% /'"}, "has 10 KiB free"),
        ({"getconf": "echo 32"}, "needs a 64-bit system"),
        ({"cp": "exit 1"}, "cannot copy to"),
        ({"sha256sum": "exit 1"}, "altered on its way"),
        ({"mv": "exit 1"}, "cannot move the bundle"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refusals_are_one_line_and_leave_nothing(install, tmp_path, scripts, message):
    place = tmp_path / "new" / "bundle"
    stderr = install("--prefix", place, code=1, **scripts).stderr
    assert message in stderr
    assert stderr.count("\n") == 1
    assert not place.parent.exists() or list(place.parent.iterdir()) == []


def test_bundle_that_does_not_run_is_not_installed(install, unpacked, tmp_path):
    (unpacked / "bundle" / RUN_TOOL).write_text("#!/bin/sh\nexit 1\n")
    assert "altered on its way" in install(code=1).stderr
    assert "does not compute" in install(code=1, sha256sum="exit 0").stderr
    assert list((tmp_path / "home" / "tsm-edge").iterdir()) == []


def test_without_sha256sum_the_files_are_not_compared_and_that_is_said(install, tmp_path):
    tools = ("basename", "chmod", "cp", "dirname", "df", "mkdir", "mv", "rm", "rmdir", "tail", "uname")
    scripts = {name: f'exec {shutil.which(name)} "$@"' for name in tools}
    done = install(shell=("env", f"PATH={tmp_path / 'fakes'}", shutil.which("dash")), **scripts)
    assert "sha256sum is missing" in done.stdout


def test_other_files_are_not_replaced(install, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_text("sun")
    assert "is no bundle" in install("--prefix", tmp_path / "photos", code=1).stderr
    assert (tmp_path / "photos" / "holiday.jpg").read_text() == "sun"


@pytest.mark.parametrize("arguments", [["--prefix"], ["--nonsense"]], ids=" ".join)
def test_wrong_usage(install, arguments):
    assert install(*arguments, code=2).stderr.startswith("install.sh: ")


def test_altered_bundle_is_not_packed(compiled_path, tmp_path):
    copy = shutil.copytree(compiled_path, tmp_path / "copy")
    content = (copy / LIBRARY).read_bytes()
    (copy / LIBRARY).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleError, match="altered"):
        pack_bundle(copy)
    assert not (tmp_path / "copy.tar.gz").exists()


def test_bundle_for_ios_goes_into_an_app(bundle):
    with pytest.raises(UsageError, match="in Xcode"):
        pack_bundle(rewritten(bundle.path, target=TARGETS["ios-arm64"]).path)


def test_archive_that_cannot_be_written(compiled_path, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        pack_bundle(compiled_path, tmp_path / "file" / "small.tar.gz")
