"""A small 64-bit ARM Debian with Python and other projects' engines, which qemu runs; nothing is installed for it.

Debian's packages are unpacked and Python's wheels copied into one folder, made once. It needs apt-get, dpkg-deb, pip
and a network, and no privileges.

    python benchmarks/arm_root.py FOLDER    Python and numpy alone, for the tests of tsm_edge_lite.py
"""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tsm_edge.errors import MissingDependencyError, TsmEdgeError

__all__ = ["ENGINES", "arm_root", "emulator_options", "python_of"]

ROOT = Path(__file__).parent.parent / "build" / "arm-root"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# Debian 12, whose Python is 3.11: the engines' wheels are chosen for it.
SOURCE = f"deb [signed-by={KEYRING}] http://deb.debian.org/debian bookworm main\n"
PYTHON = "3.11"
DEBIAN_PACKAGES = (
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libstdc++6",
    "python3.11-minimal",
    "zlib1g",
)
ENGINES = ("ncnn", "onnxruntime")
# manylinux tags name the glibc that a wheel was built for; pip takes no newer for older by itself.
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (17, 24, 27, 28))

# ONNX Runtime reads here which instructions it may use and crashes where it reads of an x86.
CPUINFO = """processor\t: 0
BogoMIPS\t: 38.40
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd07
CPU revision\t: 1

"""


def arm_root(folder: Path = ROOT) -> Path:
    """The root in `folder`, made if it is not there.

    Raises:
        MissingDependencyError: A tool that makes it is missing.
        TsmEdgeError: A package cannot be had.
    """
    finished = folder / "finished"
    wanted = _description()
    if finished.is_file() and finished.read_text() == wanted:
        return folder
    _check_tools()
    shutil.rmtree(folder, ignore_errors=True)
    _unpack_debian(folder)
    _copy_wheels(folder)
    (folder / "proc").mkdir()
    (folder / "proc" / "cpuinfo").write_text(CPUINFO)
    finished.write_text(wanted)
    return folder


def python_of(root: Path) -> Path:
    """The root's interpreter, an ARM program."""
    return root / "usr" / "bin" / f"python{PYTHON}"


def emulator_options(root: Path) -> list[str]:
    """Options that let qemu run the root's Python on one thread, whatever the libraries would start."""
    environment = {
        "PYTHONHOME": root / "usr",
        "PYTHONPATH": root / "site",
        "PYTHONHASHSEED": 0,
        "OMP_NUM_THREADS": 1,
        "OPENBLAS_NUM_THREADS": 1,
    }
    options = [word for name, value in environment.items() for word in ("-E", f"{name}={value}")]
    return ["-L", str(root), *options]


def _description() -> str:
    return "\n".join((SOURCE, *DEBIAN_PACKAGES, *_requirements(), CPUINFO))


def _requirements() -> list[str]:
    """The engines in the versions that are installed here."""
    return [f"{name}=={version(name)}" for name in ("numpy", *ENGINES)]


def _check_tools() -> None:
    tools = {tool: shutil.which(tool) for tool in ("apt-get", "dpkg-deb")}
    missing = [tool for tool, path in tools.items() if path is None]
    missing += [] if KEYRING.is_file() else [str(KEYRING)]
    if missing:
        raise MissingDependencyError(
            f"{', '.join(missing)} missing, which the ARM root is made with; "
            "run it on Debian, or on Ubuntu with debian-archive-keyring"
        )


def _unpack_debian(folder: Path) -> None:
    """Through an apt of its own, so that this machine's knows nothing of another architecture."""
    apt = folder / "apt"
    for name in ("state/lists/partial", "cache/archives/partial", "packages"):
        (apt / name).mkdir(parents=True)
    (apt / "sources.list").write_text(SOURCE)
    (apt / "status").touch()
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    _run("apt-get", "-qq", *options, "update", cwd=apt)
    _run("apt-get", "-qq", *options, "download", *DEBIAN_PACKAGES, cwd=apt / "packages")
    for package in sorted((apt / "packages").glob("*.deb")):
        _run("dpkg-deb", "-x", str(package), str(folder), cwd=apt)
    shutil.rmtree(apt)


def _copy_wheels(folder: Path) -> None:
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    where = ["--python-version", PYTHON, "--target", str(folder / "site")]
    pip = [sys.executable, "-m", "pip", "install"]
    _run(*pip, *options, *where, *platforms, *_requirements(), cwd=folder)


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise TsmEdgeError(f"{Path(command[0]).name} failed: {said[-1] if said else 'it said nothing'}")


if __name__ == "__main__":
    ENGINES = ()
    arm_root(Path(sys.argv[1]).resolve())
